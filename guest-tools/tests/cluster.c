/* SPDX-License-Identifier: MIT */
/*
 * Cluster destinations. xAPIC: CPU n is given cluster n / 2, bit n % 2 of four. x2APIC: the
 * processor gives cluster ID / 16, bit ID % 16.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_TEST 0x51u
#define LOGICAL     (ICR_FIXED | ICR_LOGICAL | VECTOR_TEST)

static u64 all_cpus(void)
{
	return BIT(cpu_ids_count) - 1;
}

static void set_xapic_cluster(void *arg)
{
	u32 index = this_cpu()->index;

	(void)arg;
	xapic_write(APIC_DFR, DFR_CLUSTER);
	xapic_write(APIC_LDR, (index / 2) << 28 | 1u << (24 + index % 2));
}

static void test_xapic(void)
{
	smp_run_all(set_xapic_cluster, NULL);
	for (u32 cluster = 0; cluster < 4; cluster++) {
		for (u32 bits = 0; bits < 16; bits++) {
			u64 expected = (u64)(bits & 3) << (2 * cluster) & all_cpus();

			apic_send(cluster << 4 | bits, LOGICAL);
			if (!count_expect(VECTOR_TEST, expected, "members of a cluster"))
				print("# cluster %u bits %x\n", cluster, bits);
		}
	}
	apic_send(XAPIC_BROADCAST, LOGICAL);
	tap_bare(count_matches(VECTOR_TEST, all_cpus()), "QEMU takes it for cluster 15",
	         "xapic: 0xff reaches all clusters");
	smp_run_all((job_fn)apic_cpu_use, (void *)&xapic_ops);
}

/* Those of the CPUs in a cluster whose bit is in the mask. */
static u64 cpus_of(u32 cluster, u32 mask)
{
	u64 set = 0;

	for (u32 i = 0; i < cpu_ids_count; i++)
		if (cpu_ids[i] >> 4 == cluster && mask >> (cpu_ids[i] & 15) & 1)
			set |= BIT(i);
	return set;
}

static void check_logical_id(void *arg)
{
	u32 id = apic->id();

	if (apic->logical_id() != ((id >> 4) << 16 | 1u << (id & 15)))
		atomic_add((u32 *)arg, 1u);
}

static void write_logical_id(void *arg)
{
	(void)arg;
	apic_write(APIC_LDR, 1);
}

static void test_x2apic(void)
{
	u32 wrong = 0;

	smp_run_all(check_logical_id, &wrong);
	tap_is(wrong, 0, "x2apic: the logical ID follows from the ID");
	tap_is((u64)trap_call(write_logical_id, NULL), VECTOR_GP, "x2apic: and is read-only");
	for (u32 cluster = 0; cluster < 3; cluster++) {
		for (u32 mask = 0; mask < 32; mask++) {
			apic_send(cluster << 16 | mask, LOGICAL);
			if (!count_expect(VECTOR_TEST, cpus_of(cluster, mask),
			                  "members of a cluster"))
				print("# cluster %u mask %x\n", cluster, mask);
		}
	}
	apic_send(0xffff, LOGICAL);
	count_expect(VECTOR_TEST, cpus_of(0, 0xffff), "a whole cluster");
	apic_send(0x7fff0001, LOGICAL);
	count_expect(VECTOR_TEST, 0, "a cluster that nobody is in");
	apic_send(X2APIC_BROADCAST, LOGICAL);
	count_expect(VECTOR_TEST, all_cpus(), "0xffffffff reaches all clusters");
}

int guest_main(void)
{
	smp_start_all();
	count_vector(VECTOR_TEST);
	interrupts_on();
	if (apic == &xapic_ops)
		test_xapic();
	if (apic_use(&x2apic_ops))
		test_x2apic();
	else
		tap_skip("x2apic", "the processor has no x2APIC");
	interrupts_off();
	return tap_done();
}
