/* SPDX-License-Identifier: MIT */
/*
 * INIT to the boot processor: it begins where a reset begins, and what is there resets the machine.
 * Its VM is to end so.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"

#define LATE_TICKS 20000000ull

int guest_main(void)
{
	if (hypervisor.tapvisor_base == 0) {
		tap_skip("INIT to the boot processor", "the machine would reset");
		return tap_done();
	}
	smp_start_all();
	print("# INIT to CPU 0 now\n");
	serial_drain();
	apic_send(cpu_ids[0], ICR_INIT | ICR_ASSERT);
	delay_ticks(LATE_TICKS);
	tap_ok(false, "CPU 0 went on");
	return tap_done();
}
