/* SPDX-License-Identifier: MIT */
/* xAPIC's flat model: the kit gives CPU n bit n; every set of CPUs is one message. */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_TEST 0x51u
#define LOGICAL     (ICR_FIXED | ICR_LOGICAL | VECTOR_TEST)

static u64 all_cpus(void)
{
	return BIT(cpu_ids_count) - 1;
}

static void test_sets(void)
{
	u32 sets = 1u << MIN(cpu_ids_count, 5u);

	for (u32 set = 1; set < sets; set++) {
		apic_send(set, LOGICAL);
		if (!count_expect(VECTOR_TEST, set, "a set of CPUs by its bits"))
			print("# destination %x\n", set);
	}
	apic_send(0, LOGICAL);
	count_expect(VECTOR_TEST, 0, "no bits");
	apic_send(XAPIC_BROADCAST, LOGICAL);
	count_expect(VECTOR_TEST, all_cpus(), "0xff reaches all");
	if (cpu_ids_count < 8) {
		apic_send(0xff & ~(u32)all_cpus(), LOGICAL);
		count_expect(VECTOR_TEST, 0, "bits that nobody has");
	}
}

static void set_ldr(void *arg)
{
	xapic_write(APIC_LDR, *(const u32 *)arg);
}

/* The logical ID is what is written there, not a matter of order. */
static void test_shared_bit(void)
{
	u32 shared = 0x40000000, own;

	smp_run_all(set_ldr, &shared);
	apic_send(0x40, LOGICAL);
	count_expect(VECTOR_TEST, all_cpus(), "CPUs that share a bit all get it");
	apic_send(0x01, LOGICAL);
	count_expect(VECTOR_TEST, 0, "a bit that was given up reaches nobody");
	own = 0;
	smp_run_all(set_ldr, &own);
	apic_send(0x7f, LOGICAL);
	count_expect(VECTOR_TEST, 0, "CPUs without a bit get nothing");
	own = 0x03000000;
	set_ldr(&own);
	apic_send(0x02, LOGICAL);
	count_expect(VECTOR_TEST, 1, "a CPU with two bits answers to the second");
	apic_send(0x03, LOGICAL);
	count_expect(VECTOR_TEST, 1, "and to both it answers once");
}

static u32 counted(void)
{
	u32 total = 0;

	for (u32 i = 0; i < cpu_ids_count; i++)
		total += count_of(i, VECTOR_TEST);
	return total;
}

/* One of the set takes it; which one is the machine's affair. */
static void test_lowest(void)
{
	u64 start = rdtsc();
	u32 total;

	smp_run_all((job_fn)apic_cpu_use, (void *)&xapic_ops);
	for (u32 i = 0; i < 16; i++)
		apic_send((u32)all_cpus() & 0xff, ICR_LOWEST | ICR_LOGICAL | VECTOR_TEST);
	while (counted() == 0 && rdtsc() - start < COUNT_LATE_TICKS)
		cpu_relax();
	delay_ticks(COUNT_QUIET_TICKS);
	total = counted();
	tap_ok(total > 0 && total <= 16, "lowest priority: one CPU of the set each time");
	count_reset();
}

int guest_main(void)
{
	smp_start_all();
	count_vector(VECTOR_TEST);
	if (apic == &x2apic_ops) {
		tap_skip("flat model", "the machine starts in x2APIC mode");
		return tap_done();
	}
	interrupts_on();
	test_sets();
	test_shared_bit();
	test_lowest();
	interrupts_off();
	return tap_done();
}
