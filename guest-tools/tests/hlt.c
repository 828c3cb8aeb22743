/* SPDX-License-Identifier: MIT */
/*
 * HLT and what ends it: IPIs counted by the sleeper equal those sent, but for what the APIC says it
 * coalesced; none lost in the race between looking for work and sleeping; the timer; nothing that
 * the TPR holds back.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_WORK 0x51u
#define VECTOR_LOW  0x41u
#define UNKNOWN     ~0ull

static u32 rounds;
static u32 posted, taken; /* work items: by CPU 0, by the sleeper */
static u32 naps;

/* A way to send. */
static const struct way {
	const char *what;
	u64 pause; /* ticks between one item done and the next; with 0 the race is tightest */
	u64 busy;  /* how long the sleeper does not look after two of four items, in ticks */
	bool each; /* an item is done when its IPI is counted, too; else when it is taken */
} ways[] = {
	{ "sent to one asleep", 5000, 0, true },
	{ "sent at once", 0, 0, true },
	{ "sent while it looks", 0, 0, false },
	{ "sent while it is busy", 0, 4000, false },
}, *way;

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
		if (taken % 4 >= 2)
			delay_ticks(way->busy);
	}
	interrupts_on();
}

static void nothing(void *arg)
{
	(void)arg;
}

/*
 * What the APIC took for one with another, of those that CPU 0 sent to the sleeper: by the sender,
 * or when the sleeper's mailbox was emptied. UNKNOWN where nobody counts it.
 */
static u64 coalesced(void)
{
	const struct vcpu_counters *sender = counters_of(0), *target = counters_of(1);
	u64 sum = 0;

	if (sender == NULL || target == NULL)
		return UNKNOWN;
	for (u32 i = 0; i < IPI_PATHS; i++)
		sum += atomic_load_relaxed(&sender->ipi[i].coalesced);
	return sum + atomic_load_relaxed(&target->count[COUNT_FOLDED]);
}

/*
 * An item may be taken before its IPI: by a sleeper that is late, because its core was not its own.
 * A second IPI that finds the first one waiting in IRR is one with it then, by the book. So whoever
 * wants each counted waits for each.
 */
static bool is_done(u32 item)
{
	return atomic_load(&taken) == item && (!way->each || count_of(1, VECTOR_WORK) >= item);
}

/* How many IPIs it took: one, unless it or a wake-up was lost. */
static u32 send_item(u32 item)
{
	u32 sent = 0;
	u64 start = 0;

	atomic_store(&posted, item);
	do {
		if (sent == 0 || rdtsc() - start >= COUNT_LATE_TICKS) {
			apic_send(cpu_ids[1], ICR_FIXED | VECTOR_WORK);
			start = rdtsc();
			sent++;
		}
		cpu_relax();
	} while (!is_done(item));
	return sent;
}

static void test_wakes(void)
{
	u32 sent = 0;
	u64 before;

	posted = taken = naps = 0;
	smp_post(1, sleeper, NULL);
	before = coalesced();
	for (u32 i = 1; i <= rounds; i++) {
		delay_ticks(way->pause + i % 64);
		sent += send_item(i);
	}
	smp_wait(1);
	/* The last IPI may reach one that was late afterwards; but before it does another job. */
	smp_post(1, nothing, NULL);
	smp_wait(1);
	tap_is(sent, rounds, "%s: %u items, no wake-up lost, %s", apic->name, rounds, way->what);
	delay_ticks(COUNT_QUIET_TICKS);
	if (way->each)
		tap_is(count_of(1, VECTOR_WORK), sent,
		       "%s: the sleeper counted as many as were sent, %s", apic->name, way->what);
	else if (before != UNKNOWN)
		tap_is(count_of(1, VECTOR_WORK) + coalesced() - before, sent,
		       "%s: each was counted, or coalesced, %s", apic->name, way->what);
	else
		tap_skip("each was counted, or coalesced", "no counters of coalesced IPIs");
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
		for (way = ways; way < ways + ARRAY_SIZE(ways); way++)
			test_wakes();
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
