/* SPDX-License-Identifier: MIT */
/* The APIC's timer: one-shot, periodic, TSC deadline; mask, divider, stop, change of mode. */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_TEST 0x51u
#define COUNT       200000u
#define PATIENCE    4000000000ull

static u64 wait_ticks(u32 n)
{
	u64 start = rdtsc();

	while (count_of(0, VECTOR_TEST) < n && rdtsc() - start < PATIENCE)
		cpu_relax();
	return rdtsc() - start;
}

static void set_timer(u32 lvt, u32 divide, u32 count)
{
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_TIMER_DIVIDE, divide);
	apic_write(APIC_LVT_TIMER, lvt);
	apic_write(APIC_TIMER_INITIAL, count);
}

static u64 one_shot_time(u32 divide, u32 count)
{
	u64 ticks;

	count_reset();
	set_timer(VECTOR_TEST, divide, count);
	ticks = wait_ticks(1);
	return count_of(0, VECTOR_TEST) == 1 ? ticks : 0;
}

static void test_one_shot(void)
{
	u64 once = one_shot_time(TIMER_DIVIDE_1, COUNT), twice, divided;
	u32 first, second;

	tap_ok(once != 0, "%s: one-shot comes", apic->name);
	delay_ticks(2 * once);
	tap_is(count_of(0, VECTOR_TEST), 1, "%s: once", apic->name);
	tap_is(apic_read(APIC_TIMER_CURRENT), 0, "%s: and leaves the count at 0", apic->name);
	tap_is(apic_read(APIC_TIMER_INITIAL), COUNT, "%s: the initial count stays", apic->name);
	twice = one_shot_time(TIMER_DIVIDE_1, 8 * COUNT);
	tap_ok(twice > 4 * once, "%s: eight times the count takes longer", apic->name);
	divided = one_shot_time(0x2, COUNT);
	tap_ok(divided > 4 * once, "%s: so does a divider of 8", apic->name);

	set_timer(VECTOR_TEST, 0xa, UINT32_MAX);
	first = apic_read(APIC_TIMER_CURRENT);
	delay_ticks(COUNT_QUIET_TICKS);
	second = apic_read(APIC_TIMER_CURRENT);
	tap_ok(second < first && second != 0, "%s: the current count falls", apic->name);
	apic_write(APIC_TIMER_INITIAL, 0);
	tap_is(apic_read(APIC_TIMER_CURRENT), 0, "%s: writing 0 stops it", apic->name);
	count_reset();
}

static void test_masked(void)
{
	u64 start = rdtsc();

	set_timer(LVT_MASKED | VECTOR_TEST, TIMER_DIVIDE_1, COUNT);
	while (apic_read(APIC_TIMER_CURRENT) != 0 && rdtsc() - start < PATIENCE)
		cpu_relax();
	tap_is(apic_read(APIC_TIMER_CURRENT), 0, "%s: a masked timer runs down", apic->name);
	delay_ticks(COUNT_QUIET_TICKS);
	tap_is(count_of(0, VECTOR_TEST), 0, "%s: without an interrupt", apic->name);
}

static void test_periodic(void)
{
	u32 n;

	set_timer(TIMER_PERIODIC | VECTOR_TEST, TIMER_DIVIDE_1, COUNT);
	wait_ticks(5);
	apic_write(APIC_TIMER_INITIAL, 0);
	n = count_of(0, VECTOR_TEST);
	tap_ok(n >= 5, "%s: periodic comes again and again", apic->name);
	delay_ticks(4 * COUNT);
	tap_ok(count_of(0, VECTOR_TEST) <= n + 1, "%s: until it is stopped", apic->name);
	count_reset();
}

static void arm(u64 ticks)
{
	wrmsr(MSR_TSC_DEADLINE, ticks);
}

static void test_deadline(void)
{
	u64 deadline;

	apic_write(APIC_LVT_TIMER, TIMER_DEADLINE | VECTOR_TEST);
	__asm__ volatile("mfence" : : : "memory"); /* SDM 3A 10.5.4.1: LVT write before the MSR's */
	deadline = rdtsc() + COUNT;
	arm(deadline);
	wait_ticks(1);
	tap_ok(count_of(0, VECTOR_TEST) == 1 && rdtsc() >= deadline,
	       "%s: TSC deadline comes, not early", apic->name);
	tap_bare(rdmsr(MSR_TSC_DEADLINE) == 0, "Bochs keeps it", "%s: and the MSR is 0 then",
	         apic->name);
	count_reset();

	arm(rdtsc() - 1);
	wait_ticks(1);
	tap_is(count_of(0, VECTOR_TEST), 1, "%s: a deadline in the past comes at once", apic->name);
	count_reset();

	arm(rdtsc() + COUNT);
	arm(0);
	delay_ticks(4 * COUNT);
	tap_is(count_of(0, VECTOR_TEST), 0, "%s: writing 0 disarms", apic->name);

	arm(rdtsc() + COUNT);
	apic_write(APIC_LVT_TIMER, VECTOR_TEST);
	delay_ticks(4 * COUNT);
	tap_is(count_of(0, VECTOR_TEST), 0, "%s: so does another mode", apic->name);
	arm(rdtsc() + COUNT);
	tap_is(rdmsr(MSR_TSC_DEADLINE), 0, "%s: in which the MSR takes nothing", apic->name);
	count_reset();
}

/* SDM 3B 18.17.3: each of the two MSRs moves the other by as much. */
static void test_adjust(void)
{
	const u64 step = 1ull << 40;
	u64 before = rdmsr(MSR_TSC_ADJUST), start = rdtsc();

	wrmsr(MSR_TSC_ADJUST, before + step);
	tap_ok(rdtsc() - start - step < COUNT, "%s: TSC_ADJUST moves the TSC", apic->name);
	wrmsr(MSR_TSC, rdtsc() - step);
	tap_ok(rdmsr(MSR_TSC_ADJUST) - before + COUNT < 2 * COUNT,
	       "%s: and a write of the TSC moves TSC_ADJUST", apic->name);
	wrmsr(MSR_TSC_ADJUST, before);
	tap_ok(rdtsc() - start < step, "%s: and back", apic->name);
}

static void test_mode(void)
{
	interrupts_on();
	test_one_shot();
	test_masked();
	test_periodic();
	if (cpuid(1, 0).ecx >> 24 & 1)
		test_deadline();
	else
		tap_skip("TSC deadline", "the processor has none");
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	interrupts_off();
	if (cpuid(7, 0).ebx >> 1 & 1)
		test_adjust();
	else
		tap_skip("TSC_ADJUST", "the processor has none");
}

int guest_main(void)
{
	count_vector(VECTOR_TEST);
	in_both_modes(test_mode);
	return tap_done();
}
