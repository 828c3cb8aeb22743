/* SPDX-License-Identifier: MIT */
/*
 * What tapstat computes with: the counters of all vCPUs added up, the guest's own view of its
 * interrupts, and differences of both. Pure: pages and texts come in as memory.
 */
#ifndef TAPSTAT_COUNTS_H
#define TAPSTAT_COUNTS_H

#include "hv/abi/counters.h"
#include "hv/base/types.h"

/* Rows of /proc/interrupts that stand for IPIs. */
enum irq_row {
	IRQ_RES, /* rescheduling */
	IRQ_CAL, /* function calls, shootdowns among them */
	IRQ_TLB, /* TLB shootdowns */
	IRQ_ROWS
};

/* Consists of u64 alone: differences are taken word by word. */
struct counts {
	u64 exit_count[EXIT_REASONS], exit_ticks[EXIT_REASONS];
	struct ipi_counter ipi[IPI_PATHS];
	u64 time[VCPU_TIMES];
	u64 count[VCPU_COUNTS];
	u64 blame[MAX_VMS][BLAME_CAUSES];
	u64 irq[IRQ_ROWS];
	u64 ticks; /* by the clock of the TSC */
};

enum counts_error {
	COUNTS_OK,
	COUNTS_FOREIGN, /* no counters of Tapvisor: the magic number is another */
	COUNTS_VERSION, /* of an older version: they are smaller than ours */
	COUNTS_VCPU,    /* a page is not that of the vCPU whose place it has */
};

/* pages: vcpus times stride bytes; stride is at least the size of the structure. */
MUST_USE enum counts_error counts_check(const void *pages, u32 vcpus, u64 stride);

/* Adds up all vCPUs, `irq` and `ticks` excepted: those are 0. */
void counts_add_up(struct counts *sum, const void *pages, u32 vcpus, u64 stride);

/* The text of /proc/interrupts: sums over the CPUs; a row that is not there is 0. */
void counts_interrupts(const char *text, u64 irq[IRQ_ROWS]);

void counts_difference(struct counts *out, const struct counts *now, const struct counts *before);

u64 counts_exits(const struct counts *c);
u64 counts_exit_ticks(const struct counts *c);
u64 counts_steal(const struct counts *c);                /* by time: ready + taken */
u64 counts_blame(const struct counts *c, u32 culprit);   /* a row: all causes */
u64 counts_irqs(const struct counts *c);                 /* IPIs that the guest took */
u64 counts_requested(const struct counts *c, bool msis); /* IPIs by their targets */

const char *irq_row_name(u32 row);

#endif
