/* SPDX-License-Identifier: MIT */
/* CPUID with every kind of leaf: it never faults, and what it says fits together. */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"

static u64 digest;

static void sweep(void *arg)
{
	static const u32 starts[] = { 0, 0x40000000, 0x40000100, 0x80000000, 0xc0000000 };
	u64 seed = 1;

	(void)arg;
	for (u32 i = 0; i < ARRAY_SIZE(starts); i++)
		for (u32 leaf = 0; leaf < 0x40; leaf++)
			for (u32 sub = 0; sub < 4; sub++)
				digest += cpuid(starts[i] + leaf, sub).eax;
	for (u32 i = 0; i < 1000; i++)
		digest += cpuid((u32)random_next(&seed), (u32)random_next(&seed)).ebx;
}

static void check_ids(void *arg)
{
	u32 *wrong = arg;
	struct cpuid topology = cpuid(0xb, 0);
	u32 id = this_cpu()->apic_id;

	if (cpuid(1, 0).ebx >> 24 != (id & 0xff))
		atomic_add(wrong, 1u);
	if (cpuid(0, 0).eax >= 0xb && topology.ebx != 0 && topology.edx != id)
		atomic_add(wrong, 1u);
}

int guest_main(void)
{
	u32 wrong = 0;

	smp_start_all();
	tap_is((u64)(u32)trap_call(sweep, NULL), UINT32_MAX, "leaves of all kinds: still here");
	smp_run_all(check_ids, &wrong);
	tap_is(wrong, 0, "leaves 1 and 0xb tell each CPU's own APIC ID");
	if (hypervisor.tapvisor_base != 0) {
		tap_is(cpuid(1, 0).ecx >> 5 & 1, 0, "VMX is not offered");
		tap_is(cpuid(1, 0).ecx >> 6 & 1, 0, "SMX is not offered");
		tap_is(cpuid(hypervisor.tapvisor_base + 1, 0).ebx, cpu_ids_count,
		       "the number of vCPUs is told");
	}
	return tap_done();
}
