/* SPDX-License-Identifier: MIT */
/*
 * The TSC as the one clock: its rate, and whether it may be trusted.
 *
 * Constant after clock_init. The rate is what CPUID says (leaf 0x15, 0x40000010, 0x16) if a
 * measurement against the PM timer, or else the PIT, agrees within a twentieth; otherwise it is
 * what was measured (an emulator's CPUID may state the rate of the processor it imitates).
 */
#ifndef HV_CPU_CLOCK_H
#define HV_CPU_CLOCK_H

#include "hv/base/types.h"

struct clock {
	u64 tsc_hz;
	bool invariant;     /* CPUID 0x80000007 EDX[8]: same rate in every power state */
	const char *source; /* where tsc_hz comes from, for the boot message */
};

const struct clock *clock_get(void);

/* Boot, first core; pm_timer_port is 0 when there is none. */
void clock_init(u16 pm_timer_port);

/* Busy-waits at least so long. */
void clock_wait_us(u64 microseconds);

#endif
