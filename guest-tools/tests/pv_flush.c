/* SPDX-License-Identifier: MIT */
/*
 * Tapvisor's FLUSH_TLB: after it no target sees memory through a translation that was changed
 * before it, whether it runs, sleeps, keeps its interrupts off or flushes itself; nobody is woken.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"
#include "hv/base/bits.h"

#define VECTOR_WORK 0x51u
#define PTE_TABLE   0x7ul

static u64 bitmaps[MAX_CPUS][TAP_BITMAP_WORDS] ALIGNED(128);

static s64 flush(u64 cpus_mask)
{
	u64 *bitmap = bitmaps[this_cpu()->index];

	bitmap[0] = 0;
	for (u32 i = 0; i < cpu_ids_count; i++)
		if (cpus_mask >> i & 1)
			bitmap[0] |= BIT(cpu_ids[i]);
	return hypercall(TAP_HC_FLUSH_TLB, (u64)bitmap, 1, 0, 0);
}

static u64 event(u32 cpu, enum vcpu_count which)
{
	const struct vcpu_counters *c = counters_of(cpu);

	return c == NULL ? 0 : atomic_load(&c->count[which]);
}

/* ---- what is refused ---- */

static void expect(s64 got, s64 wanted, const char *what)
{
	tap_is((u64)got, (u64)wanted, "%s", what);
}

static s64 call(u64 gpa, u64 words, u64 base)
{
	return hypercall(TAP_HC_FLUSH_TLB, gpa, words, base, 0);
}

static void test_arguments(void)
{
	u64 here = (u64)bitmaps[0];

	for (u32 w = 0; w < TAP_BITMAP_WORDS; w++)
		bitmaps[0][w] = ~0ull;
	expect(call(here, 0, 0), -HC_EINVAL, "no words");
	expect(call(here, TAP_BITMAP_WORDS + 1, 0), -HC_EINVAL, "too many words");
	expect(call(here + 4, 1, 0), -HC_EINVAL, "a bitmap that is not aligned");
	expect(call(0xfffffffffffff000, 1, 0), -HC_EFAULT, "a bitmap where no memory is");
	expect(call(here, TAP_BITMAP_WORDS, 0), (s64)cpu_count(), "all IDs there are");
	expect(call(here, TAP_BITMAP_WORDS, 0xfffffff0), 0, "bases at the end reach nobody");
	expect(call(here, TAP_BITMAP_WORDS, ~0ull - 8), 0, "nor do they come round");
	expect(flush(0), 0, "no bits, no targets");
	expect(flush(1), 1, "oneself");
}

/* ---- a page that changes under its readers ---- */

#define PAGES 3u /* of three a reader can tell the last from the next */

static u64 pages[PAGES][512] ALIGNED(4096);
static u64 table[512] ALIGNED(4096);
static u64 *window;
static u32 phase; /* the number of flushes that have returned */
static u32 stop;
static bool deaf;
static u64 reads[MAX_CPUS], stale[MAX_CPUS];

static void map(u32 n)
{
	atomic_store(&table[0], (u64)pages[n % PAGES] | PTE_TABLE);
}

/* What is seen is the page of the phase, or of the next one, whose flush may be under way. */
static void reader(void *arg)
{
	u32 cpu = this_cpu()->index;

	(void)arg;
	if (deaf)
		interrupts_off();
	while (!atomic_load(&stop)) {
		u32 before = atomic_load(&phase);

		stale[cpu] += atomic_load(window) == (before + PAGES - 1) % PAGES;
		atomic_store(&reads[cpu], reads[cpu] + 1);
	}
	interrupts_on();
}

/* A phase lasts until each reader has looked in it from beginning to end. */
static void wait_readers(u64 seen)
{
	for (u32 i = 1; i < cpu_count(); i++)
		for (u64 start = atomic_load(&reads[i]); atomic_load(&reads[i]) < start + seen;)
			cpu_relax();
}

static void test_readers(bool interrupts, u32 phases)
{
	u64 wrong = 0;

	deaf = !interrupts;
	phase = stop = 0;
	map(0);
	flush(BIT(cpu_count()) - 2);
	for (u32 i = 1; i < cpu_count(); i++) {
		reads[i] = stale[i] = 0;
		smp_post(i, reader, NULL);
	}
	wait_readers(2);
	for (u32 n = 1; n <= phases; n++) {
		map(n);
		flush(BIT(cpu_count()) - 2);
		atomic_store(&phase, n);
		wait_readers(2);
	}
	atomic_store(&stop, 1u);
	for (u32 i = 1; i < cpu_count(); i++) {
		smp_wait(i);
		wrong += stale[i];
	}
	tap_is(wrong, 0, "%u flushes under readers with interrupts %s: nobody sees an old page",
	       phases, interrupts ? "on" : "off");
}

/* ---- asleep ---- */

static void nothing(void *arg)
{
	(void)arg;
}

static void test_sleepers(void)
{
	u32 cpu = cpu_count() - 1;
	u64 halts, wakes, flushes;

	smp_idle(1);
	delay_ticks(2000000);
	halts = event(cpu, COUNT_HALT);
	wakes = event(cpu, COUNT_WAKE);
	flushes = event(cpu, COUNT_PV_TLB_FLUSH);
	for (u32 i = 0; i < 10; i++)
		flush(BIT(cpu));
	delay_ticks(200000);
	tap_ok(event(cpu, COUNT_HALT) == halts && event(cpu, COUNT_WAKE) == wakes,
	       "ten flushes do not wake who sleeps");
	tap_is(event(cpu, COUNT_PV_TLB_FLUSH), flushes, "and wait for it");
	smp_idle(MAX_CPUS);
	smp_post(cpu, nothing, NULL);
	smp_wait(cpu);
	tap_is(event(cpu, COUNT_PV_TLB_FLUSH) - flushes, counters_of(cpu) != NULL,
	       "until it wakes: one flush for all");
}

/* ---- all at once ---- */

static void flush_others(void *wrong)
{
	for (u32 i = 0; i < 100; i++) {
		if (flush(BIT(cpu_count()) - 1) != cpu_count())
			atomic_add((u32 *)wrong, 1u);
		apic_send(cpu_ids[i % cpu_count()], ICR_FIXED | VECTOR_WORK);
	}
}

static void test_all_at_once(void)
{
	u64 before = event(0, COUNT_PV_TLB_FLUSH);
	u32 wrong = 0;

	interrupts_on();
	smp_run_all(flush_others, &wrong);
	tap_is(wrong, 0, "all CPUs flush all, a hundred times, while interrupts fly: nobody hangs");
	if (counters_of(0) != NULL)
		tap_ok(event(0, COUNT_PV_TLB_FLUSH) - before >= 100, "flushes are counted");
	interrupts_off();
}

int guest_main(void)
{
	args_finish();
	smp_start_all();
	count_vector(VECTOR_WORK);
	if ((hypervisor.tapvisor_features >> TAP_FEATURE_FLUSH_TLB & 1) == 0) {
		tap_skip("FLUSH_TLB", "not offered");
		return tap_done();
	}
	for (u32 i = 0; i < PAGES; i++)
		pages[i][0] = i;
	window = window_entry((u64)table | PTE_TABLE);
	test_arguments();
	if (cpu_count() > 1) {
		test_readers(true, 200);
		test_readers(false, 5);
		test_sleepers();
	}
	test_all_at_once();
	return tap_done();
}
