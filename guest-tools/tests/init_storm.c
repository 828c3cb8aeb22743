/* SPDX-License-Identifier: MIT */
/*
 * INIT, NMI and fixed IPIs to CPUs that wait for their start: nothing happens to anybody, however
 * many come, and the CPUs start afterwards as if nothing had.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"

#define TIMES 1000u
/* Long enough that a CPU which is woken in vain sleeps again before the next one comes. */
#define APART_TICKS 2000ull

static void send_many(u32 what, const char *name)
{
	for (u32 i = 0; i < TIMES; i++) {
		apic_send(0, ICR_ALL_BUT_ME | what);
		delay_ticks(APART_TICKS);
	}
	tap_ok(true, "%s: %u to CPUs that wait for SIPI: still here", name, TIMES);
}

int guest_main(void)
{
	send_many(ICR_INIT | ICR_ASSERT, "INIT");
	send_many(ICR_NMI | ICR_ASSERT, "NMI");
	send_many(ICR_FIXED | 0x51, "fixed");
	smp_start_all();
	tap_is(cpu_ids_count, cpu_count(), "all CPUs start afterwards");
	return tap_done();
}
