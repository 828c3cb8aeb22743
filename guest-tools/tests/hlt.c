/* SPDX-License-Identifier: MIT */
/*
 * HLT and what ends it: IPIs counted by the sleeper equal those sent, none lost in the race between
 * looking for work and sleeping; the timer; nothing that the TPR holds back.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_WORK 0x51u
#define VECTOR_LOW  0x41u

static u32 rounds;
static u32 posted, taken; /* work items: by CPU 0, by the sleeper */
static u32 naps;

/* Looks, sleeps if there is nothing, and so on until all work is taken. */
static void sleeper(void *arg)
{
	(void)arg;
	interrupts_off();
	while (taken < rounds) {
		while (atomic_load(&posted) == taken) {
			naps++;
			interrupts_on_and_halt();
			interrupts_off();
		}
		atomic_store(&taken, taken + 1);
	}
	interrupts_on();
}

/* pause: ticks between one item taken and the next; with 0 the race is tightest. */
static void test_wakes(u64 pause, const char *what)
{
	u32 lost = 0;

	posted = taken = naps = 0;
	smp_post(1, sleeper, NULL);
	for (u32 i = 1; i <= rounds; i++) {
		u64 start;

		delay_ticks(pause + i % 64);
		atomic_store(&posted, i);
		apic_send(cpu_ids[1], ICR_FIXED | VECTOR_WORK);
		for (start = rdtsc(); atomic_load(&taken) != i;) {
			cpu_relax();
			if (rdtsc() - start < COUNT_LATE_TICKS)
				continue;
			lost++;
			apic_send(cpu_ids[1], ICR_FIXED | VECTOR_WORK);
			start = rdtsc();
		}
	}
	smp_wait(1);
	tap_is(lost, 0, "%s: %u items, no wake-up lost, %s", apic->name, rounds, what);
	delay_ticks(COUNT_QUIET_TICKS);
	if (pause != 0)
		tap_is(count_of(1, VECTOR_WORK), rounds,
		       "%s: the sleeper counted as many as were sent", apic->name);
	count_reset();
}

static void test_timer(void)
{
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, VECTOR_WORK);
	apic_write(APIC_TIMER_INITIAL, 20000);
	while (count_of(0, VECTOR_WORK) == 0)
		interrupts_on_and_halt();
	tap_ok(true, "%s: the timer ends HLT", apic->name);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	count_reset();
}

/* STI holds interrupts back for one instruction; one that waits is taken with HLT under way. */
static void test_shadow(void)
{
	interrupts_off();
	apic_send(0, ICR_SELF | VECTOR_WORK);
	apic_wait_vector(APIC_IRR, VECTOR_WORK, true, COUNT_LATE_TICKS);
	interrupts_on_and_halt();
	tap_is(count_of(0, VECTOR_WORK), 1, "%s: what waits behind STI ends HLT", apic->name);
	count_reset();
}

/* The low one is pending all the time, below the TPR; only the timer may end HLT. */
static void test_tpr(void)
{
	interrupts_off();
	write_cr8(4);
	apic_send(0, ICR_SELF | VECTOR_LOW);
	apic_wait_vector(APIC_IRR, VECTOR_LOW, true, COUNT_LATE_TICKS);
	apic_write(APIC_LVT_TIMER, VECTOR_WORK);
	apic_write(APIC_TIMER_INITIAL, 20000);
	interrupts_on_and_halt();
	tap_ok(count_of(0, VECTOR_WORK) == 1 && count_of(0, VECTOR_LOW) == 0,
	       "%s: what the TPR holds back does not end HLT", apic->name);
	write_cr8(0);
	tap_ok(count_wait(0, VECTOR_LOW, 1), "%s: and comes when it falls", apic->name);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	count_reset();
}

static void test_mode(void)
{
	interrupts_on();
	test_timer();
	test_shadow();
	test_tpr();
	interrupts_on();
	if (cpu_ids_count > 1) {
		test_wakes(5000, "sent to one asleep");
		test_wakes(0, "sent while it looks");
	} else {
		tap_skip("IPIs", "one CPU");
	}
	interrupts_off();
}

int guest_main(void)
{
	rounds = (u32)args_number("rounds", 200);
	args_finish();
	smp_start_all();
	count_vector(VECTOR_WORK);
	count_vector(VECTOR_LOW);
	in_both_modes(test_mode);
	return tap_done();
}
