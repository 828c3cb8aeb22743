/* SPDX-License-Identifier: MIT */
/*
 * The table that refreshes in place: for each vCPU its share of guest, hypervisor, monitor and
 * steal, its exits and IPIs a second, since the last refresh. VMs that have ended are left out. It
 * fits a terminal of 80 columns and 24 lines; what does not is on further pages. Pure.
 */
#ifndef HV_ROOT_TOP_H
#define HV_ROOT_TOP_H

#include "hv/ring3/root/report.h"

#define TOP_ROWS 22u /* of 24 lines: one is the head, one tells the keys */

/* What a vCPU's counters said at the last refresh. */
struct top_row {
	u32 vm, vcpu;
	u64 created; /* tells another incarnation of the same VM */
	u64 time[VCPU_TIMES];
	u64 exits;
	u64 requested[IPI_PATHS];
};

struct top {
	bool active;
	u64 next;  /* TSC of the next refresh */
	u64 last;  /* of the last one; 0: there was none */
	u32 first; /* row of all at the head of the page */
	u32 rows;  /* on the page */
	u32 all;   /* of all pages */
	struct top_row row[TOP_ROWS];
};

/* Takes the terminal over: clears it, and draws at once. */
void top_begin(struct top *t, u64 now);

/* The next page, behind the last the first again. */
void top_turn(struct top *t, u64 now);

/* Draws what changed since the last call; hz: ticks a second. */
void top_draw(struct top *t, const struct report *report, u64 now, u64 hz, struct out *out);

#endif
