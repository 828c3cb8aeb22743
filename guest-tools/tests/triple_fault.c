/* SPDX-License-Identifier: MIT */
/*
 * Ends in a triple fault: an exception with an IDT of no length. Its VM is to stop with a report;
 * elsewhere the machine would reset, so the point is skipped there. cpu=1: an AP does it.
 */
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"

static void fall(void *arg)
{
	static const struct PACKED {
		u16 limit;
		u64 base;
	} nothing = { 0, 0 };

	(void)arg;
	__asm__ volatile("lidt %0; int3" : : "m"(nothing));
}

int guest_main(void)
{
	u32 cpu = (u32)args_number("cpu", 0);

	if (hypervisor.tapvisor_base == 0 && args_number("force", 0) == 0) {
		tap_skip("triple fault", "the machine would reset");
		return tap_done();
	}
	smp_start_all();
	print("# triple fault on CPU %u now\n", cpu);
	serial_drain();
	if (cpu == 0) {
		fall(NULL);
	} else {
		smp_post(cpu, fall, NULL);
		smp_wait(cpu);
	}
	tap_ok(false, "a triple fault is the end");
	return tap_done();
}
