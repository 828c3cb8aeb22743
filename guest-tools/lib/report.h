/* SPDX-License-Identifier: MIT */
/*
 * Results of measurements: one JSON line each on the machine port at once, and one table for a
 * person on the console at the end.
 */
#ifndef GUEST_REPORT_H
#define GUEST_REPORT_H

#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/stats.h"

struct bench_result {
	const char *path; /* how it was asked for: "xapic", "hypercall", ... */
	const char *op;
	u32 targets;
	struct distribution ticks;
	bool exits_known;
	u64 exits; /* during all `runs` operations, warm-up included */
	u32 runs;
};

/*
 * Prints the JSON line and keeps the result for the table. On the bare machine the path is
 * reported as "native" and what it would be called elsewhere as "mode".
 */
void report_bench(const struct bench_result *result);

/* The table of all results so far. */
void report_table(void);

#endif
