/* SPDX-License-Identifier: MIT */
/*
 * A CPU that spins with interrupts off, after an exit, and never exits again: its VM must end all
 * the same when CPU 0 says so. That it does is seen from outside.
 */
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/atomic.h"

#define PATIENCE_TICKS 3000000ull

static u32 deaf;

static void spin_deaf(void *unused)
{
	(void)unused;
	interrupts_off();
	(void)cpuid(0, 0); /* the entry behind this exit is the one with IF = 0 */
	atomic_store(&deaf, 1u);
	for (;;)
		cpu_relax();
}

int guest_main(void)
{
	u64 start;

	smp_start_all();
	if (cpu_count() < 2) {
		tap_skip("a CPU that is deaf", "there is one CPU");
		return tap_done();
	}
	smp_post(1, spin_deaf, NULL);
	start = rdtsc();
	while (atomic_load(&deaf) == 0 && rdtsc() - start < PATIENCE_TICKS)
		cpu_relax();
	tap_is(atomic_load(&deaf), 1, "CPU 1 spins with interrupts off");
	return tap_done();
}
