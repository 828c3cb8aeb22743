// SPDX-License-Identifier: GPL-2.0
/* What ipibench found, as a table and as JSON lines. */
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/string.h>

#include <asm/apic.h>
#include <asm/tsc.h>

#include "bench.h"

static const char *const op_names[BENCH_OPS] = {
	[OP_SELF] = "self",
	[OP_UNICAST_SEND] = "unicast-send",
	[OP_UNICAST] = "unicast",
	[OP_SET_SEND] = "set-send",
	[OP_SET] = "set",
	[OP_BROADCAST_SEND] = "broadcast-send",
	[OP_BROADCAST] = "broadcast",
};

static const char *const state_names[BENCH_STATES] = {
	[STATE_SPINNING] = "spinning",
	[STATE_HALTED] = "halted",
};

static const char *const path_names[IPI_PATHS] = {
	[IPI_XAPIC] = "xapic",
	[IPI_X2APIC] = "x2apic",
	[IPI_APIC_WRITE] = "apic-write",
	[IPI_HYPERCALL] = "hypercall",
	[IPI_HYPERCALL_TAP] = "hypercall-tap",
	[IPI_MSI] = "msi",
};

static struct cpumask seen; /* have been online */

void bench_note_online(void)
{
	cpumask_or(&seen, &seen, cpu_online_mask);
}

/*
 * Linux sends to all others by a shorthand when all CPUs that are present have been up once and
 * no_ipi_broadcast= does not say otherwise. Its switch is not for modules; these two are.
 */
static bool shorthand_on(void)
{
	static char line[2048];
	const char *option = line, *last = NULL;
	struct file *file;
	loff_t offset = 0;
	ssize_t size;

	if (num_present_cpus() < 2 || !cpumask_subset(cpu_present_mask, &seen))
		return false;
	file = filp_open("/proc/cmdline", O_RDONLY, 0);
	if (IS_ERR(file))
		return true;
	size = kernel_read(file, line, sizeof(line) - 1, &offset);
	filp_close(file, NULL);
	line[size > 0 ? size : 0] = '\0';
	while ((option = strstr(option, "no_ipi_broadcast=")))
		last = option += strlen("no_ipi_broadcast=");
	return !last || *last == '0';
}

/* The addressing, told from how many operations of the APIC there were and what they named. */
static const char *addressing(const struct bench_row *row)
{
	const struct bench_way *way = &row->way;

	if (!way->known)
		return "unknown";
	if (way->path == IPI_HYPERCALL || way->path == IPI_HYPERCALL_TAP)
		return "bitmap";
	if (row->op == OP_SELF)
		return "self";
	/* One write for one target may be any; the driver's name tells. */
	if (row->targets == 1 || way->sends >= (u64)row->targets * row->n)
		return strstr(apic->name, "cluster") ? "cluster"
		       : !strcmp(apic->name, "flat") ? "flat"
		                                     : "physical";
	if ((row->op == OP_BROADCAST || row->op == OP_BROADCAST_SEND) && shorthand_on())
		return "shorthand";
	return strstr(apic->name, "cluster") ? "cluster" : "flat";
}

/* Hundredths of x for each operation; -1: unknown. */
static s64 per_op(const struct bench_row *row, bool known, u64 x)
{
	return known ? (s64)div_u64(x * 100, row->n) : -1;
}

static void put_ratio(struct seq_file *m, const char *before, s64 hundredths, const char *unknown)
{
	if (hundredths < 0)
		seq_printf(m, "%s%s", before, unknown);
	else
		seq_printf(m, "%s%lld.%02lld", before, hundredths / 100, hundredths % 100);
}

void bench_show_table(struct seq_file *m, const struct bench_row *rows, u32 count)
{
	const struct bench_row *row;

	if (!count) {
		seq_puts(m,
		         "# nothing was measured: write words such as \"all n=200 state=both\"\n");
		return;
	}
	seq_printf(m, "# APIC driver: %s; shorthand: %s; unit: ticks of the TSC, %u kHz\n",
	           apic->name, shorthand_on() ? "on" : "off", tsc_khz);
	seq_puts(
		m,
		"# exits: of the sender during an operation; all: of all CPUs, with all that was between\n");
	seq_printf(m, "%-14s %7s %-8s %6s %8s %8s %8s %8s %6s %7s  %s\n", "operation", "targets",
	           "state", "n", "min", "p50", "p99", "max", "exits", "all", "path");
	for (row = rows; row < rows + count; row++) {
		seq_printf(m, "%-14s %7u %-8s %6u %8llu %8llu %8llu %8llu", op_names[row->op],
		           row->targets, state_names[row->state], row->n, row->min, row->p50,
		           row->p99, row->max);
		put_ratio(m, "   ", per_op(row, row->exits_known, row->sender_exits), "-");
		put_ratio(m, "    ", per_op(row, row->exits_known, row->exits), "-");
		seq_printf(m, "  %s %s\n", row->way.known ? path_names[row->way.path] : "unknown",
		           addressing(row));
	}
}

void bench_show_json(struct seq_file *m, const struct bench_row *rows, u32 count)
{
	const struct bench_row *row;

	for (row = rows; row < rows + count; row++) {
		seq_printf(
			m,
			"{\"type\":\"linux-bench\",\"op\":\"%s\",\"targets\":%u,\"state\":\"%s\",\"n\":%u,",
			op_names[row->op], row->targets, state_names[row->state], row->n);
		seq_printf(m, "\"min\":%llu,\"p50\":%llu,\"p99\":%llu,\"max\":%llu,", row->min,
		           row->p50, row->p99, row->max);
		put_ratio(m, "\"sender_exits_per_op\":",
		          per_op(row, row->exits_known, row->sender_exits), "null");
		put_ratio(m, ",\"exits_per_op\":", per_op(row, row->exits_known, row->exits),
		          "null");
		put_ratio(m, ",\"sends_per_op\":", per_op(row, row->way.known, row->way.sends),
		          "null");
		seq_printf(
			m,
			",\"not_halted\":%u,\"path\":\"%s\",\"addressing\":\"%s\",\"driver\":\"%s\",\"tsc_khz\":%u}\n",
			row->not_halted, row->way.known ? path_names[row->way.path] : "unknown",
			addressing(row), apic->name, tsc_khz);
	}
}
