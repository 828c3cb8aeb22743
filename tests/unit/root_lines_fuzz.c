/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as lines of grub.cfg, and as what guests and people send to root: the parser says
 * something sensible about each line, telemetry stays a stream of objects. As a program of its own
 * it shuffles words; as a
 * libFuzzer target: `make fuzz FUZZER=root`.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/ring3/root/config.h"
#include "hv/ring3/root/console.h"
#include "hv/ring3/root/json.h"
#include "hv/ring3/root/telemetry.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static struct root_info info;
static struct config config;
static struct telemetry telemetry;
static struct console console;
static struct queue queue, held;
static char queue_text[1 << 16], held_text[1 << 10], text[1 << 16];

/* One line of the input for each module. */
static void fill(const u8 *data, size_t size)
{
	u32 at = 0;

	memset(&info, 0, sizeof(info));
	info.cores = 4;
	info.memory_free = 1u << 30;
	info.process.tsc_hz = 3000000000u;
	info.modules = 1;
	for (size_t i = 0; i < size && info.modules < MAX_MODULES; i++) {
		struct boot_module_info *m = &info.module[info.modules - 1];

		m->size = 1;
		if (data[i] == '\n' || at == ARGS_LEN - 1) {
			info.modules++;
			at = 0;
		} else if (data[i] != 0) {
			m->string[at++] = (char)data[i];
		}
	}
	memcpy(info.command_line, info.module[0].string, ARGS_LEN);
}

static void check_config(void)
{
	struct out_memory out;

	config_parse(&info, &config);
	out_memory_init(&out, text, sizeof(text));
	config_print_errors(&config, &info, &out.out);
	MUST(config.vms <= CONFIG_VMS);
	for (u32 i = 0; i < MIN(config.errors, CONFIG_ERRORS); i++)
		MUST(config.error[i].text[0] != 0);
	for (u32 i = 0; config.errors == 0 && i < config.vms; i++) {
		const struct vm_config *c = &config.vm[i].config;

		MUST(c->vcpus >= 1 && c->vcpus <= MAX_VCPUS);
		MUST(c->cores != 0 && c->cores < 1u << info.cores);
		MUST(c->memory >= 2u << 20 && c->memory <= info.memory_free);
		MUST(strlen(c->name) > 0 && strlen(c->name) < VM_NAME_LEN);
		MUST(strlen(c->args) < ARGS_LEN);
	}
}

static void check_telemetry(const u8 *data, size_t size)
{
	struct out_memory out;

	out_memory_init(&out, text, sizeof(text));
	telemetry.out = &out.out;
	telemetry_vm(&telemetry, 1, "a", data, (u32)MIN(size, 4096));
	telemetry_flush_vm(&telemetry, 1, "a");
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		MUST(json_is_object(line, strlen(line), "-"));
}

static void check_console(const u8 *data, size_t size)
{
	queue_init(&queue, queue_text, sizeof(queue_text), NULL);
	queue_init(&held, held_text, sizeof(held_text), NULL);
	console_init(&console, &queue, &held, true);
	for (size_t i = 0; i < size; i++)
		(void)!edit_key(&console.edit, data[i], &queue.out);
	console_vm(&console, 1, "a", data, (u32)size);
	console_flush_vm(&console, 1, "a");
	MUST(console.edit.length < EDIT_SIZE && strlen(console.edit.text) == console.edit.length);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	fill(data, size);
	check_config();
	check_telemetry(data, size);
	check_console(data, size);
	return 0;
}

#ifndef FUZZING
#include "tests/unit/ring3.h"

static const char *const words[] = {
	"vm",      "root",      "monitor",     "initrd",   "name=a",     "name=b",   "name=",
	"vcpus=2", "vcpus=",    "cpus=0",      "cpus=-",   "cpus=,",     "cpus=0-3", "mem=32M",
	"mem=M",   "mem=4G",    "pv=kvm",      "pv=,",     "=",          "--",       "\n",
	"\n",      "\n",        "slice=1ms",   "slice=s",  "x",          "{\"a\":",  "}",
	"\"",      "\\",        "[1,",         "]",        "\t",         "\033[",    "\177",
	"\t",      "restart=9", "console=raw", "budget=1", "apic=xapic",
};

START_TEST(shuffled_words)
{
	u32 x = 7;

	for (u32 i = 0; i < 20000; i++) {
		char line[2048] = "";

		for (u32 k = 0; k < 1 + i % 60; k++) {
			x = x * 1664525 + 1013904223;
			strcat(line, words[(x >> 10) % ARRAY_SIZE(words)]);
			strcat(line, x >> 28 == 0 ? "" : " ");
		}
		(void)LLVMFuzzerTestOneInput((const u8 *)line, strlen(line));
	}
}
END_TEST

RING3_MAIN("root_lines_fuzz", shuffled_words)
#endif
