/* SPDX-License-Identifier: MIT */
/*
 * The performance counters: cycles that this CPU executed, not those it slept through; an overflow
 * comes by the APIC's LVT entry, as a vector or as an NMI, once until the entry is unmasked.
 * SDM 3B 20.2.1: architectural performance monitoring, version 1.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define MSR_PMC0    0xc1u
#define MSR_EVENT0  0x186u
#define MSR_STATUS  0x38eu
#define MSR_CONTROL 0x38fu
#define MSR_CLEAR   0x390u
#define WIDTH       48u
#define CYCLES      (0x3cull | BIT(16) | BIT(17))
#define CYCLES_USER (0x3cull | BIT(16))
#define RETIRED     (0xc0ull | BIT(16) | BIT(17))
#define INT         BIT(20)
#define CR4_PCE     BIT(8)
#define ENABLE      BIT(22)

#define VECTOR_PERF  0x52u
#define VECTOR_TIMER 0x53u
#define PERIOD       2000000u
#define ROUNDS       (PERIOD / 4)
#define LATE         200000000ull
#define LVT_NMI      0x400u

static u32 nmis;

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	nmis++;
}

/* Takes a cycle for each round at least, however much of the core others have meanwhile. */
static void spin(u32 rounds)
{
	while (rounds--)
		cpu_relax();
}

static void stop(void)
{
	wrmsr(MSR_EVENT0, 0);
	wrmsr(MSR_EVENT0 + 1, 0);
}

static void test_offer(void)
{
	struct cpuid r = cpuid(0xa, 0);

	tap_is(r.eax & 0xff, 1, "version 1");
	tap_is(r.eax >> 8 & 0xff, 2, "two counters");
	tap_is(r.eax >> 16 & 0xff, WIDTH, "of 48 bits");
	tap_is(r.ebx & BITS(6, 0), 0x7a, "of the events, core and reference cycles alone");
}

/* What an event has counted over a stretch of spinning, in counter 1, and how long that took. */
static u64 counted(u64 event, u64 *ticks)
{
	u64 before, start = rdtsc();

	wrmsr(MSR_EVENT0 + 1, event | ENABLE);
	before = rdpmc(1);
	spin(ROUNDS);
	stop();
	*ticks = rdtsc() - start;
	return rdmsr(MSR_PMC0 + 1) - before;
}

static void test_cycles(u64 event, const char *what)
{
	u64 ticks, cycles = counted(event, &ticks);

	print("# %lu %s cycles in %lu ticks, %u rounds\n", cycles, what, ticks, ROUNDS);
	tap_ok(cycles >= ROUNDS && cycles <= 2 * ticks, "%s cycles count", what);
}

static void test_counts(void)
{
	u64 ticks;

	test_cycles(CYCLES, "core");
	test_cycles(CYCLES | 0x100, "reference");
	tap_is(counted(CYCLES_USER, &ticks), 0, "those of user code alone do not");
	tap_is(counted(RETIRED, &ticks), 0, "nor do instructions");
	wrmsr(MSR_PMC0, 0x80000000);
	tap_is(rdmsr(MSR_PMC0), 0xffff80000000, "a write extends its sign to 48 bits");
	tap_is(rdpmc(0), 0xffff80000000, "RDPMC reads the same");
}

/* Volume 4 gives these three to version 1 as well: 20.2.2 of 3B tells what they do. */
static void test_global(void)
{
	u64 ticks;

	tap_is(rdmsr(MSR_CONTROL), 3, "all counters may count");
	wrmsr(MSR_CONTROL, 1);
	tap_is(counted(CYCLES, &ticks), 0, "one that may not does not");
	wrmsr(MSR_CONTROL, 3);
	tap_is(rdmsr(MSR_STATUS), 0, "no overflow so far");
	wrmsr(MSR_PMC0 + 1, (u32)-1000);
	wrmsr(MSR_EVENT0 + 1, CYCLES | ENABLE);
	spin(2000);
	stop();
	tap_is(rdmsr(MSR_STATUS), 2, "that of counter 1 is noted");
	wrmsr(MSR_CLEAR, 2);
	tap_is(rdmsr(MSR_STATUS), 0, "and cleared");
}

static u8 user_stack[4096] ALIGNED(16);

static u64 user_rdpmc(u64 counter)
{
	return rdpmc((u32)counter);
}

static void call_user(void *counter)
{
	(void)user_call(user_rdpmc, *(u32 *)counter, user_stack + sizeof(user_stack));
}

/* RDPMC, SDM 2B: #GP(0) for a counter that is not there, and at CPL 3 without CR4.PCE. */
static void test_user(void)
{
	u32 counter = 0;

	tap_is((u32)trap_call(call_user, &counter), VECTOR_GP, "a program may not use RDPMC");
	write_cr4(read_cr4() | CR4_PCE);
	tap_is((u32)trap_call(call_user, &counter), UINT32_MAX, "unless CR4.PCE lets it");
	counter = 2;
	tap_is((u32)trap_call(call_user, &counter), VECTOR_GP, "there is no counter 2");
	counter = 0xffffff56; /* 0x17, which is there, less IA32_PMC0 */
	tap_is((u32)trap_call(call_user, &counter), VECTOR_GP, "nor one that wraps round");
	write_cr4(read_cr4() & ~CR4_PCE);
}

/* Until the timer, in HLT: a tenth of the nap at most may be counted. */
static void test_sleep(void)
{
	u64 before, slept, start = rdtsc();

	count_vector(VECTOR_TIMER);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	wrmsr(MSR_EVENT0, CYCLES | ENABLE);
	before = rdpmc(0);
	apic_write(APIC_TIMER_INITIAL, PERIOD);
	while (count_of(0, VECTOR_TIMER) == 0) {
		interrupts_on_and_halt();
		interrupts_off();
	}
	slept = rdpmc(0) - before;
	interrupts_on();
	stop();
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	count_reset();
	print("# %s: %lu cycles counted in %lu ticks of sleep\n", apic->name, slept,
	      rdtsc() - start);
	tap_ok(slept < PERIOD / 10, "%s: a halted CPU counts no cycles", apic->name);
}

static void arm(u32 counter, u32 cycles)
{
	wrmsr(MSR_PMC0 + counter, (u32)-cycles);
	wrmsr(MSR_EVENT0 + counter, CYCLES | INT | ENABLE);
}

static void wait_for(const volatile u32 *count, u32 n)
{
	u64 start = rdtsc();

	while (*count < n && rdtsc() - start < LATE)
		cpu_relax();
}

static void test_vector(void)
{
	u64 start = rdtsc(), ticks;

	apic_write(APIC_LVT_PERF, VECTOR_PERF);
	arm(0, PERIOD);
	tap_ok(count_wait(0, VECTOR_PERF, 1), "%s: an overflow comes as a vector", apic->name);
	ticks = rdtsc() - start;
	print("# %s: %lu ticks after %u cycles were asked for\n", apic->name, ticks, PERIOD);
	tap_ok(ticks >= PERIOD, "%s: not before its time", apic->name);
	tap_is(apic_read(APIC_LVT_PERF), VECTOR_PERF | LVT_MASKED, "%s: and masks its LVT entry",
	       apic->name);
	tap_ok(rdpmc(0) < BIT(WIDTH - 1), "%s: the counter goes on from 0", apic->name);
	arm(0, PERIOD / 8);
	spin(ROUNDS);
	tap_is(count_of(0, VECTOR_PERF), 1, "%s: while masked none comes", apic->name);
	stop();
	count_reset();
}

static void test_nmi(void)
{
	nmis = 0;
	interrupts_off();
	apic_write(APIC_LVT_PERF, LVT_NMI);
	arm(1, PERIOD);
	wait_for(&nmis, 1);
	tap_is(nmis, 1, "%s: as an NMI it comes with interrupts off", apic->name);
	interrupts_on();
	arm(1, PERIOD / 8);
	arm(0, PERIOD / 8);
	apic_write(APIC_LVT_PERF, LVT_NMI);
	spin(ROUNDS);
	tap_is(nmis, 2, "%s: of two that overflow the entry lets one through", apic->name);
	stop();
	apic_write(APIC_LVT_PERF, LVT_NMI);
	spin(ROUNDS);
	tap_is(nmis, 2, "%s: counters that are stopped are silent", apic->name);
	apic_write(APIC_LVT_PERF, LVT_MASKED);
}

static void test_mode(void)
{
	test_sleep();
	test_vector();
	test_nmi();
}

int guest_main(void)
{
	args_finish();
	if (hypervisor.tapvisor_base == 0) {
		tap_skip("the counters", "they are the processor's own");
		return tap_done();
	}
	count_vector(VECTOR_PERF);
	interrupt_handle(VECTOR_NMI, on_nmi);
	test_offer();
	test_counts();
	test_global();
	test_user();
	in_both_modes(test_mode);
	return tap_done();
}
