/* SPDX-License-Identifier: MIT */
/*
 * tapstat: exits by reason, IPIs by path, time, steal and blame of the virtual machine that this
 * runs in, beside what /proc/interrupts says of the same time.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest-tools/linux/tapstat/counts.h"
#include "guest-tools/linux/tapstat/device.h"
#include "guest-tools/linux/tapstat/options.h"
#include "guest-tools/linux/tapstat/show.h"
#include "hv/base/bits.h"

#define MESSAGE_SIZE    256
#define INTERRUPTS_SIZE 131072
#define STATUS_USAGE    2
#define STATUS_DEVICE   3

#define STATUS_NO_COMMAND 127

static void (*const show[OUTPUTS])(FILE *out, const struct report *report) = {
	[OUTPUT_TEXT] = show_text,
	[OUTPUT_JSON] = show_json,
	[OUTPUT_CSV] = show_csv,
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static u64 tsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The guest's view; one that cannot be read is all zeros, and is said once at the start. */
static bool read_interrupts(const char *path, u64 irq[IRQ_ROWS])
{
	static char text[INTERRUPTS_SIZE];
	FILE *file = fopen(path, "r");
	size_t size;

	memset(irq, 0, IRQ_ROWS * sizeof(irq[0]));
	if (file == NULL)
		return false;
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	counts_interrupts(text, irq);
	return true;
}

static void take(struct counts *counts, const struct device *device, const struct options *options)
{
	counts_add_up(counts, device->pages, device->vcpus, device->stride);
	read_interrupts(options->interrupts, counts->irq);
	counts->ticks = tsc();
}

static FILE *output;

/* Ticks of the vCPU that are in some row of its times. */
static u64 accounted(const struct vcpu_counters *c)
{
	u64 sum = 0;

	for (u32 i = 0; i < VCPU_TIMES; i++)
		sum += *(const volatile u64 *)&c->time[i];
	return sum;
}

/* Since accounting began, as far as any vCPU knows; by the host's clock: a guest may write its own.
 */
static u64 ticks_ever(const struct device *device)
{
	const u8 *pages = device->pages;
	u64 ticks = 0;

	for (u32 i = 0; i < device->vcpus; i++) {
		const struct vcpu_counters *c = (const void *)(pages + i * device->stride);

		ticks = MAX(ticks, c->now - c->created);
		ticks = MAX(ticks, accounted(c));
	}
	return ticks;
}

static void once(const struct device *device, const struct options *options)
{
	struct counts counts;
	struct report report = { device->vm, device->vcpus, true, true, 0, &counts };

	take(&counts, device, options);
	counts.ticks = ticks_ever(device);
	report.seconds = (double)counts.ticks / device->tsc_khz / 1000;
	show[options->output](output, &report);
}

static void repeat(const struct device *device, const struct options *options)
{
	const struct timespec interval = { options->interval_ms / 1000,
		                           (long)(options->interval_ms % 1000) * 1000000 };
	struct counts before, now, difference;
	double from = seconds(), start = from;

	take(&before, device, options);
	for (u32 i = 0; !ended && (options->count == 0 || i < options->count); i++) {
		struct report report = { device->vm, device->vcpus, false, i == 0, 0, &difference };
		double to;

		nanosleep(&interval, NULL);
		take(&now, device, options);
		to = seconds();
		counts_difference(&difference, &now, &before);
		report.seconds = options->output == OUTPUT_CSV ? to - start : to - from;
		show[options->output](output, &report);
		if (fflush(output) != 0)
			return;
		before = now;
		from = to;
	}
}

/* Exit status of the command, as shells tell it. */
static int run(char *const *command)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		execvp(command[0], command);
		perror(command[0]);
		_exit(STATUS_NO_COMMAND);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		fprintf(stderr, "tapstat: %s cannot be started: %s\n", command[0], strerror(errno));
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int while_it_ran(const struct device *device, const struct options *options)
{
	struct counts before, now, difference;
	struct report report = { device->vm, device->vcpus, false, true, 0, &difference };
	double from = seconds();
	int status;

	take(&before, device, options);
	status = run(options->command);
	take(&now, device, options);
	report.seconds = seconds() - from;
	counts_difference(&difference, &now, &before);
	show[options->output](output, &report);
	return status;
}

int main(int argc, char **argv)
{
	char message[MESSAGE_SIZE];
	struct options options;
	struct device device;
	u64 irq[IRQ_ROWS];
	int status = 0;
	bool lost;

	if (!options_parse(&options, argc, argv, message, sizeof(message))) {
		fprintf(stderr, "tapstat: %s\n", message);
		return STATUS_USAGE;
	}
	if (options.help) {
		fputs(options_help, stdout);
		return 0;
	}
	if (!device_open(&device, options.device, message, sizeof(message))) {
		fprintf(stderr, "tapstat: %s\n", message);
		return STATUS_DEVICE;
	}
	if (!read_interrupts(options.interrupts, irq))
		fprintf(stderr, "tapstat: %s cannot be read; its rows will be 0\n",
		        options.interrupts);
	output = options.file == NULL ? stdout : fopen(options.file, "we");
	if (output == NULL) {
		fprintf(stderr, "tapstat: %s: %s\n", options.file, strerror(errno));
		return STATUS_USAGE;
	}
	signal(SIGINT, end);
	signal(SIGTERM, end);
	if (options.command != NULL)
		status = while_it_ran(&device, &options);
	else if (options.once)
		once(&device, &options);
	else
		repeat(&device, &options);
	lost = ferror(output) != 0;
	if (fclose(output) == 0 && !lost)
		return status;
	fprintf(stderr, "tapstat: what was counted could not be written\n");
	return 1;
}
