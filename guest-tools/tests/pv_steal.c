/* SPDX-License-Identifier: MIT */
/*
 * KVM's steal time: the page says what the counters say, a CPU that sleeps is marked, and a TLB
 * flush left with its mark is done before it runs again. cores=own, cores=shared: nobody else is on
 * the same cores, or somebody who runs all the time; otherwise it is not known.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/pv.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_WORK 0x51u

static struct pv_steal pages[MAX_CPUS] ALIGNED(64);
static struct pv_steal second ALIGNED(64);
static struct pv_clock clock ALIGNED(64); /* for its scale */
static bool own, shared;

static void announce_own(void *arg)
{
	(void)arg;
	wrmsr(MSR_KVM_STEAL_TIME, (u64)&pages[this_cpu()->index] | PV_ENABLED);
}

static void test_msr(void)
{
	u64 value = 0;

	memset(&pages[0], 0, sizeof(pages[0]));
	for (u32 bit = 1; bit <= 5; bit++)
		tap_ok(!pv_write_msr(MSR_KVM_STEAL_TIME, (u64)&pages[0] | BIT(bit) | PV_ENABLED),
		       "bit %u of the MSR faults", bit);
	pv_write_msr(MSR_KVM_STEAL_TIME, (u64)&pages[0]);
	tap_is(pages[0].version, 0, "without the enable bit nothing is written");
	pages[0].preempted = 3;
	announce_own(NULL);
	tap_ok(pages[0].version == 2 && pages[0].flags == 0, "with it the page is, version %u",
	       pages[0].version);
	tap_is(pages[0].preempted, 0, "and says that it runs");
	tap_ok(pv_read_msr(MSR_KVM_STEAL_TIME, &value) && value == ((u64)&pages[0] | PV_ENABLED),
	       "the MSR tells what was written");
}

/* ---- the time ---- */

static u64 counted(u32 cpu)
{
	const struct vcpu_counters *c = counters_of(cpu);

	return atomic_load(&c->time[TIME_READY]) + atomic_load(&c->time[TIME_TAKEN]);
}

static u64 nanoseconds(u64 ticks)
{
	return pv_clock_at(&clock, clock.tsc_timestamp + ticks) - clock.system_time;
}

/* Waits for the page to be written anew; false if that does not come. */
static bool wait_written(u32 *version)
{
	u32 old = *version;

	for (u64 start = rdtsc(); *version == old; pv_steal_read(&pages[0], version))
		if (rdtsc() - start > 20000000)
			return false;
	return true;
}

/* Right after an entry both say the same; later the counters may have gone on. */
static void test_time(void)
{
	u32 equal = 0, wrong = 0, backward = 0, version = 0, written = 0;
	u64 last = 0;

	if (counters_of(0) == NULL) {
		tap_skip("steal time as counted", "no counters");
		return;
	}
	while (written < 20 && wait_written(&version)) {
		u64 told = pv_steal_read(&pages[0], &version);
		u64 ns = nanoseconds(counted(0));

		written++;
		equal += told == ns;
		wrong += told > ns;
		backward += told < last;
		last = told;
	}
	tap_is(wrong, 0, "never more is told than was counted");
	tap_is(backward, 0, "nor less than before");
	if (shared)
		tap_ok(equal >= 15, "of 20 times %u are told to the tick: %lu ns", equal, last);
	if (own)
		tap_ok(last < 1000000000, "a core of its own: %lu ns", last);
}

/* ---- asleep ---- */

static bool wake_up;
static u32 probe;

/* Sleeps, with interrupts off at both ends, until it is told that it may go on. */
static void sleep(void *arg)
{
	u8 *seen = arg;

	interrupts_off();
	while (!atomic_load(&wake_up)) {
		interrupts_on_and_halt();
		interrupts_off();
	}
	*seen = atomic_load(&pages[this_cpu()->index].preempted);
	atomic_store(&probe, 1u);
	interrupts_on();
}

static bool wait_preempted(u32 cpu)
{
	for (u64 start = rdtsc(); rdtsc() - start < COUNT_LATE_TICKS;)
		if (atomic_load(&pages[cpu].preempted) == PV_STEAL_PREEMPTED)
			return true;
	return false;
}

static u64 flushes(u32 cpu)
{
	const struct vcpu_counters *c = counters_of(cpu);

	return c == NULL ? 0 : atomic_load(&c->count[COUNT_PV_TLB_FLUSH]);
}

/* As Linux does it: the bit is added to the mark, or an interrupt is sent. */
static bool leave_flush(u32 cpu)
{
	u8 state = PV_STEAL_PREEMPTED;

	return atomic_cas(&pages[cpu].preempted, &state, (u8)(PV_STEAL_PREEMPTED | PV_STEAL_FLUSH));
}

static void test_sleeper(u32 cpu, bool flush)
{
	u64 before = flushes(cpu);
	u8 seen = 0xff;

	atomic_store(&wake_up, false);
	smp_post(cpu, sleep, &seen);
	tap_ok(wait_preempted(cpu), "CPU %u sleeps, and is marked", cpu);
	if (flush)
		tap_ok(leave_flush(cpu), "a flush is left with the mark");
	atomic_store_fence(&wake_up, true);
	apic_send(cpu_ids[cpu], ICR_FIXED | VECTOR_WORK);
	smp_wait(cpu);
	tap_is(seen, 0, "CPU %u runs, and finds neither mark nor flush", cpu);
	if (counters_of(cpu) != NULL)
		tap_is(flushes(cpu) - before, flush, "TLB flushes counted: %u", flush);
}

/* A CPU that spins is marked while others have its core, and at no other time. */
static void test_running(void)
{
	bool marked = false, running = false;

	smp_idle(MAX_CPUS);
	delay_ticks(1000);
	for (u64 start = rdtsc(); rdtsc() - start < 20000000 && !(marked && running);) {
		u8 mark = atomic_load(&pages[1].preempted);

		marked |= mark == PV_STEAL_PREEMPTED;
		running |= mark == 0;
	}
	tap_ok(running, "CPU 1 spins, and is seen to run");
	if (shared)
		tap_ok(marked, "and to wait for its core");
	if (own)
		tap_ok(!marked, "and never to wait for its core");
}

/* ---- what else may be asked ---- */

static void test_moved(void)
{
	struct pv_steal old;

	wrmsr(MSR_KVM_STEAL_TIME, (u64)&second | PV_ENABLED);
	old = pages[0];
	delay_ticks(3000000);
	tap_ok(second.version >= 2, "another page: it is written");
	tap_ok(memcmp(&old, &pages[0], sizeof(old)) == 0, "and the old one no more");
	wrmsr(MSR_KVM_STEAL_TIME, 0);
	old = second;
	delay_ticks(3000000);
	tap_ok(memcmp(&old, &second, sizeof(old)) == 0, "switched off: no page is written");
}

static void test_wild_addresses(void)
{
	static const u64 places[] = { 0xfee00000, 0xfe000000, 1ull << 45, 1ull << 63, ~0x3full };

	for (u32 i = 0; i < ARRAY_SIZE(places); i++)
		tap_ok(pv_write_msr(MSR_KVM_STEAL_TIME, places[i] | PV_ENABLED),
		       "steal time at %lx: no fault", places[i]);
	delay_ticks(1000000);
	tap_ok(pv_write_msr(MSR_KVM_STEAL_TIME, (u64)&pages[0] | PV_ENABLED), "still here");
	memset(&pages[0], 0xff, sizeof(pages[0])); /* and what the guest writes is its own affair */
	delay_ticks(1000000);
	tap_ok(true, "nonsense in the page: still here");
}

/* All CPUs mark and unmark one page. */
static void share_page(void *arg)
{
	(void)arg;
	wrmsr(MSR_KVM_STEAL_TIME, (u64)&second | PV_ENABLED);
	for (u32 i = 0; i < 200; i++)
		hypercall(KVM_HC_SCHED_YIELD, cpu_ids[this_cpu()->index], 0, 0, 0);
}

static void test_all(void)
{
	test_msr();
	smp_run_all(announce_own, NULL);
	wrmsr(MSR_KVM_SYSTEM_TIME, (u64)&clock | PV_ENABLED);
	test_time();
	for (u32 cpu = 1; cpu < cpu_count(); cpu++) {
		test_sleeper(cpu, false);
		test_sleeper(cpu, true);
		test_sleeper(cpu, false);
	}
	if (cpu_count() > 1)
		test_running();
	test_moved();
	test_wild_addresses();
	smp_run_all(share_page, NULL);
	tap_ok(true, "all CPUs on one page: still here");
}

int guest_main(void)
{
	own = strcmp(args_text("cores", ""), "own") == 0;
	shared = strcmp(args_text("cores", ""), "shared") == 0;
	args_finish();
	smp_start_all();
	count_vector(VECTOR_WORK);
	if (pv_has(KVM_FEATURE_STEAL_TIME))
		test_all();
	else
		tap_skip("KVM's steal time", "not offered");
	return tap_done();
}
