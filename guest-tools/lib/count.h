/* SPDX-License-Identifier: MIT */
/*
 * Counts interrupts, for tests: which CPU got which vector how often, and that no other did.
 */
#ifndef GUEST_COUNT_H
#define GUEST_COUNT_H

#include "guest-tools/lib/smp.h"
#include "hv/base/types.h"

/* How long an interrupt may take to come, and how long one that must not come is waited for. */
#define COUNT_LATE_TICKS  200000000ull
#define COUNT_QUIET_TICKS 20000ull

/* The vector is counted from now on, and its EOI sent, on whichever CPU it comes. */
void count_vector(u32 vector);

/* All counts to zero; no interrupt may be on its way. */
void count_reset(void);

u32 count_of(u32 cpu, u32 vector);

/* Waits until a CPU has counted n of a vector; false if it takes too long. */
bool count_wait(u32 cpu, u32 vector, u32 n);

/*
 * Waits for one interrupt of that vector on each CPU of the mask, then a while for any other. True
 * if that is what came, and all that came. Counts are zero afterwards.
 */
bool count_matches(u32 vector, u64 cpu_mask);

/* Makes a test point of count_matches; returns its result. */
bool count_expect(u32 vector, u64 cpu_mask, const char *what);

/* Runs fn in xAPIC mode and in x2APIC mode; where there is no such mode, a skipped test point. */
void in_both_modes(void (*fn)(void));

#endif
