/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/report.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"

#define ROWS_MAX 512u

static struct bench_result rows[ROWS_MAX];
static u32 rows_count;

static const char *path_name(const struct bench_result *r)
{
	return hypervisor.present ? r->path : "native";
}

/* "null", or exits per operation with two decimals. */
static void exits_text(const struct bench_result *r, char *text, size_t size)
{
	u64 hundredths = r->runs == 0 ? 0 : (r->exits * 100 + r->runs / 2) / r->runs;

	if (r->exits_known)
		print_to(text, size, "%lu.%02lu", hundredths / 100, hundredths % 100);
	else
		print_to(text, size, "null");
}

void report_bench(const struct bench_result *r)
{
	char exits[32];

	exits_text(r, exits, sizeof(exits));
	print_machine("{\"type\":\"bench\",\"machine\":\"%s\",\"path\":\"%s\",\"mode\":\"%s\","
	              "\"op\":\"%s\",\"targets\":%u,\"n\":%u,\"min\":%u,\"p50\":%u,\"p99\":%u,"
	              "\"max\":%u,\"unit\":\"ticks\",\"exits_per_op\":%s}\n",
	              hypervisor.name, path_name(r), r->path, r->op, r->targets, r->ticks.n,
	              r->ticks.min, r->ticks.p50, r->ticks.p99, r->ticks.max, exits);
	if (rows_count < ROWS_MAX)
		rows[rows_count++] = *r;
}

void report_table(void)
{
	char exits[32];

	print("# machine: %s; unit: TSC ticks; exits: an operation, of all CPUs to unicast, set,"
	      " broadcast, else of the sender's own\n",
	      hypervisor.name);
	print("# %-15s %-15s %7s %7s %8s %8s %8s %8s %7s\n", "path", "operation", "targets", "n",
	      "min", "p50", "p99", "max", "exits");
	for (const struct bench_result *r = rows; r < rows + rows_count; r++) {
		exits_text(r, exits, sizeof(exits));
		print("# %-15s %-15s %7u %7u %8u %8u %8u %8u %7s\n", r->path, r->op, r->targets,
		      r->ticks.n, r->ticks.min, r->ticks.p50, r->ticks.p99, r->ticks.max,
		      r->exits_known ? exits : "-");
	}
}
