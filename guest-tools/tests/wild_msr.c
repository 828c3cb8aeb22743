/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers without sense: every number in the used ranges is read, under a
 * hypervisor also written with nonsense. Each gives a value or #GP, and nothing else happens.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/tap.h"

struct access {
	u32 msr;
	u64 value;
};

static const struct {
	u32 first, last;
} ranges[] = {
	{ 0x00000000, 0x00001fff }, { 0x40000000, 0x400000ff }, { 0x4b564d00, 0x4b564d0f },
	{ 0xc0000000, 0xc0001fff }, { 0xfffffff0, 0xfffffffe },
};

static void read_one(void *arg)
{
	struct access *a = arg;

	a->value = rdmsr(a->msr);
}

static void write_one(void *arg)
{
	const struct access *a = arg;

	wrmsr(a->msr, a->value);
}

/* Counts by outcome: 0 = went through, 1 = #GP, 2 = anything else. */
static u32 outcome_of(int vector)
{
	return vector == -1 ? 0 : vector == (int)VECTOR_GP ? 1 : 2;
}

static void report(const u32 outcomes[3], const char *what)
{
	print("# %s: %u went through, %u gave #GP\n", what, outcomes[0], outcomes[1]);
	tap_is(outcomes[2], 0, "%s: a value or #GP, still here", what);
}

static void test_reads(void)
{
	u32 outcomes[3] = { 0 };
	u64 seed = 1;
	struct access a;

	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (u32 msr = ranges[i].first; msr <= ranges[i].last; msr++) {
			a.msr = msr;
			outcomes[outcome_of(trap_call(read_one, &a))]++;
		}
	}
	for (u32 i = 0; i < 1000; i++) {
		a.msr = (u32)random_next(&seed);
		outcomes[outcome_of(trap_call(read_one, &a))]++;
	}
	report(outcomes, "RDMSR");
}

static void test_x2apic_space(void)
{
	u32 outcomes[3] = { 0 };
	struct access a = { 0 };

	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC) {
		tap_skip("x2APIC registers in xAPIC mode", "the machine starts in x2APIC mode");
		return;
	}
	for (a.msr = 0x800; a.msr < 0x900; a.msr++) {
		outcomes[outcome_of(trap_call(read_one, &a))]++;
		outcomes[outcome_of(trap_call(write_one, &a))]++;
	}
	tap_is(outcomes[1], 512, "x2APIC registers in xAPIC mode: each access gives #GP");
}

/* What would take this guest's own ground away. */
static bool is_spared(u32 msr)
{
	return msr == MSR_APIC_BASE || msr == MSR_EFER || msr == MSR_GS_BASE || msr == MSR_TSC ||
	       msr == MSR_TSC_ADJUST;
}

static void test_writes(const char *what, u64 value)
{
	u32 outcomes[3] = { 0 };
	struct access old, a;

	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (u32 msr = ranges[i].first; msr <= ranges[i].last; msr++) {
			if (is_spared(msr))
				continue;
			old.msr = a.msr = msr;
			a.value = value;
			if (trap_call(read_one, &old) != -1)
				old.value = 0;
			outcomes[outcome_of(trap_call(write_one, &a))]++;
			trap_call(write_one, &old);
		}
	}
	report(outcomes, what);
}

int guest_main(void)
{
	bool write = hypervisor.tapvisor_base != 0;

	args_finish();
	test_reads();
	if (write) {
		test_x2apic_space();
		test_writes("WRMSR of ones", ~0ull);
		test_writes("WRMSR of a page far away", 0x00000ffffffff001);
		test_writes("WRMSR of 1", 1);
	} else {
		tap_skip("WRMSR", "the registers are real");
	}
	return tap_done();
}
