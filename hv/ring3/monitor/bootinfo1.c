/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Multiboot Specification 0.6.96, section 3.3: the information for the image. */
#include "hv/ring3/monitor/bootinfo.h"

#include "hv/ring3/monitor/layout.h"

#define MB1_LOADER_MAGIC 0x2badb002u

#define MB1_INFO_MEMORY  BIT32(0)
#define MB1_INFO_CMDLINE BIT32(2)
#define MB1_INFO_MODULES BIT32(3)
#define MB1_INFO_MAP     BIT32(6)
#define MB1_INFO_LOADER  BIT32(9)

struct mb1_info {
	u32 flags;
	u32 memory_low, memory_high; /* KiB below 1 MiB, KiB from 1 MiB on */
	u32 boot_device;
	u32 cmdline;
	u32 modules_count, modules;
	u32 symbols[4];
	u32 map_size, map;
	u32 drives[2], config_table;
	u32 loader_name;
	u32 unused[7]; /* APM, VBE */
};

struct mb1_module {
	u32 start, end, string, reserved;
};

struct mb1_map_entry {
	u32 size; /* of what follows */
	u64 gpa, length;
	u32 type;
} PACKED;

static void put_map(struct writer *w, const struct boot_facts *facts, struct mb1_info *info)
{
	struct memory_range ranges[LAYOUT_RANGES];
	struct mb1_map_entry entries[LAYOUT_RANGES];

	layout_map(facts->memory, ranges);
	for (u32 i = 0; i < LAYOUT_RANGES; i++)
		entries[i] = (struct mb1_map_entry){ sizeof(entries[i]) - sizeof(u32),
			                             ranges[i].gpa, ranges[i].size,
			                             ranges[i].type };
	info->map = (u32)writer_put(w, entries, sizeof(entries), 4);
	info->map_size = sizeof(entries);
}

/* "/NAME ARGS" */
static u32 put_command_line(struct writer *w, const struct boot_facts *facts)
{
	u64 gpa = writer_put(w, "/", 1, 1);

	(void)writer_put(w, facts->name, strlen(facts->name), 1);
	(void)writer_put(w, " ", 1, 1);
	(void)writer_put(w, facts->args, strlen(facts->args) + 1, 1);
	return (u32)gpa;
}

static void put_modules(struct writer *w, const struct boot_facts *facts, struct mb1_info *info)
{
	struct mb1_module modules[VM_MODULES];

	if (facts->modules == 0)
		return;
	for (u32 i = 0; i < facts->modules; i++) {
		const struct boot_module *m = &facts->module[i];

		modules[i] = (struct mb1_module){ (u32)m->gpa, (u32)(m->gpa + m->size),
			                          (u32)bootinfo_put_string(w, m), 0 };
	}
	info->flags |= MB1_INFO_MODULES;
	info->modules_count = facts->modules;
	info->modules = (u32)writer_put(w, modules, facts->modules * sizeof(modules[0]), 4);
}

void bootinfo_multiboot1(struct writer *w, const struct boot_facts *facts, struct vcpu_start *start)
{
	u64 at = writer_reserve(w, sizeof(struct mb1_info), 16);
	struct mb1_info info = {
		.flags = MB1_INFO_MEMORY | MB1_INFO_CMDLINE | MB1_INFO_MAP | MB1_INFO_LOADER,
		.memory_low = LAYOUT_LOW_END >> 10,
		.memory_high = (u32)((facts->memory - LAYOUT_HIGH) >> 10),
	};

	put_map(w, facts, &info);
	put_modules(w, facts, &info);
	info.cmdline = put_command_line(w, facts);
	info.loader_name = (u32)writer_put(w, LOADER_NAME, sizeof(LOADER_NAME), 1);
	if (!w->full)
		memcpy(writer_bytes(w, at), &info, sizeof(info));
	start->rax = MB1_LOADER_MAGIC;
	start->rbx = at;
}
