/* SPDX-License-Identifier: MIT */
/*
 * The APIC base MSR: every legal and illegal change of mode (SDM 3A 10.12.5), what a mode's
 * registers do in another, what disabling forgets.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"

/* In Bochs nothing but a reset ends "disabled". */
#define ONE_WAY "Bochs never enables it again"

enum mode {
	DISABLED = 0,
	INVALID = APIC_BASE_X2APIC,
	XAPIC = APIC_BASE_ENABLE,
	X2APIC = APIC_BASE_ENABLE | APIC_BASE_X2APIC,
};

static const char *mode_name(enum mode mode)
{
	return mode == DISABLED ? "disabled"
	       : mode == XAPIC  ? "xAPIC"
	       : mode == X2APIC ? "x2APIC"
	                        : "invalid";
}

/* From each mode to each: only these give #GP. From "invalid" nothing comes. */
static bool is_legal(enum mode from, enum mode to)
{
	if (to == INVALID)
		return false;
	if (from == X2APIC && to == XAPIC)
		return false;
	return !(from == DISABLED && to == X2APIC);
}

static enum mode mode_now(void)
{
	return (enum mode)(rdmsr(MSR_APIC_BASE) & X2APIC);
}

static u64 base_with(enum mode mode)
{
	return (rdmsr(MSR_APIC_BASE) & ~(u64)X2APIC) | mode;
}

static void write_base(void *arg)
{
	wrmsr(MSR_APIC_BASE, *(const u64 *)arg);
}

static int try_base(u64 value)
{
	return trap_call(write_base, &value);
}

static void test_transition(enum mode from, enum mode to)
{
	int vector = try_base(base_with(to));

	if (is_legal(from, to))
		tap_bare(vector == -1 && mode_now() == to, ONE_WAY, "%s to %s", mode_name(from),
		         mode_name(to));
	else
		tap_bare(vector == (int)VECTOR_GP && mode_now() == from, ONE_WAY,
		         "%s to %s: #GP, and nothing changed", mode_name(from), mode_name(to));
}

static void test_reserved(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	tap_is((u64)try_base(base | 1), VECTOR_GP, "bit 0 is reserved");
	tap_is((u64)try_base(base | 0x200), VECTOR_GP, "bit 9 is reserved");
	tap_is((u64)try_base(base | 1ull << 63), VECTOR_GP, "bit 63 is reserved");
	tap_is(rdmsr(MSR_APIC_BASE), base, "and nothing changed");
}

/* The changes that begin or end in "disabled". */
static void test_around(void)
{
	test_transition(XAPIC, DISABLED);
	test_transition(DISABLED, DISABLED);
	test_transition(DISABLED, X2APIC);
	test_transition(DISABLED, INVALID);
	test_transition(DISABLED, XAPIC);
	test_transition(XAPIC, X2APIC);
	test_transition(X2APIC, DISABLED);
	test_transition(DISABLED, XAPIC);
}

static void read_x2apic_id(void *arg)
{
	*(u64 *)arg = rdmsr(x2apic_msr(APIC_ID));
}

/* The APIC is disabled: CR8 stays, the page is memory's. */
static void test_cr8_alone(void)
{
	write_cr8(5);
	tap_is(read_cr8(), 5, "CR8 works when disabled");
	tap_ok((xapic_read(APIC_TPR) & 0xff) != 0x50, "and the page has no TPR then");
	write_cr8(0);
}

static void test_enabled(u32 id)
{
	u64 value;

	test_transition(XAPIC, XAPIC);
	test_transition(XAPIC, INVALID);
	test_reserved();
	tap_is((u64)trap_call(read_x2apic_id, &value), VECTOR_GP,
	       "x2APIC registers give #GP in xAPIC mode");
	xapic_write(APIC_SVR, SVR_ENABLE | 0x3f);
	xapic_write(APIC_TPR, 0x20);
	xapic_write(APIC_LVT_ERROR, 0x55);
	test_transition(XAPIC, X2APIC);
	tap_is(x2apic_ops.id(), id, "the ID is the same in x2APIC");
	tap_is(x2apic_ops.read(APIC_SVR), SVR_ENABLE | 0x3f, "SVR survives the change to x2APIC");
	tap_is(x2apic_ops.read(APIC_TPR), 0x20, "TPR too");
	tap_is(x2apic_ops.read(APIC_LVT_ERROR), 0x55, "LVT too");
	tap_ok(xapic_read(APIC_TPR) != 0x20, "the page is not the APIC's in x2APIC mode");
	test_transition(X2APIC, X2APIC);
	test_transition(X2APIC, XAPIC);
	test_transition(X2APIC, INVALID);
	test_transition(X2APIC, DISABLED);
	tap_is((u64)trap_call(read_x2apic_id, &value), VECTOR_GP, "and #GP when disabled");
	tap_is(cpuid(1, 0).edx >> 9 & 1, 0, "CPUID shows no APIC when disabled");
	test_cr8_alone();
}

static void test_disabled(u32 id)
{
	wrmsr(MSR_APIC_BASE, base_with(XAPIC));
	tap_is(cpuid(1, 0).edx >> 9 & 1, 1, "and shows it again");
	tap_is(xapic_ops.id(), id, "the ID survives disabling");
	tap_is(xapic_read(APIC_SVR), 0xff, "SVR does not");
	tap_is(xapic_read(APIC_TPR), 0, "TPR does not");
	tap_is(xapic_read(APIC_LVT_ERROR), LVT_MASKED, "LVT does not");
}

int guest_main(void)
{
	u32 id;

	if (!apic_has_x2apic()) {
		tap_skip("APIC base", "the processor has no x2APIC");
		wrmsr(MSR_APIC_BASE, base_with(DISABLED));
		test_cr8_alone();
		return tap_done();
	}
	if (apic == &x2apic_ops)
		wrmsr(MSR_APIC_BASE, base_with(DISABLED));
	wrmsr(MSR_APIC_BASE, base_with(XAPIC));
	id = xapic_ops.id();
	test_enabled(id);
	wrmsr(MSR_APIC_BASE, base_with(XAPIC));
	if (mode_now() == DISABLED) {
		tap_skip("after disabling", ONE_WAY);
		return tap_done();
	}
	test_disabled(id);
	test_around();
	return tap_done();
}
