/* SPDX-License-Identifier: MIT */
/*
 * The hostile image: random operations, a kind at a time, each called by trap_call, so that its
 * fault is counted and the next one comes. What an operation leaves behind that the image cannot go
 * on with, it puts back itself, or the kind's `restore` does, which is called after each.
 */
#ifndef GUEST_HOSTILE_H
#define GUEST_HOSTILE_H

#include "hv/base/types.h"

struct kind {
	const char *name;
	u32 step;            /* operations from one line of progress to the next */
	void (*begin)(void); /* once; NULL: nothing */
	void (*operate)(u64 *seed);
	void (*restore)(void); /* NULL: nothing */
};

extern const struct kind kind_msr, kind_cpuid, kind_control, kind_debug; /* registers.c */
extern const struct kind kind_port, kind_mmio, kind_ioapic;              /* devices.c */
extern const struct kind kind_hypercall, kind_timer, kind_icr;           /* apic.c */
extern const struct kind kind_pages, kind_segments;                      /* memory.c */
extern const struct kind kind_real;                                      /* real.c */

/* Up to 2^64 - 1, but often small, near a power of two, near the end of 32 or 64 bits. */
u64 wild(u64 *seed);

/* True once in n times; a number below n. */
bool once_in(u64 *seed, u64 n);
u64 below(u64 *seed, u64 n);

/* An element of a table. */
#define ONE_OF(seed, table) ((table)[below(seed, ARRAY_SIZE(table))])

/* RAM that may be written over. */
#define SCRATCH_BYTES 8192u
extern u8 scratch[SCRATCH_BYTES];

/* Interrupts are let in for a moment. */
void window_for_interrupts(void);

#endif
