/* SPDX-License-Identifier: MIT */
/*
 * For tests of vmx/inject.c: what an exit can find half delivered, and what an entry would then
 * inject. SDM 3C 25.4.2.
 */
#ifndef TESTS_UNIT_VMX_ENTRY_H
#define TESTS_UNIT_VMX_ENTRY_H

#include "tests/unit/main.h"
#include "tests/unit/vmx_rules.h"

#include "vmx/inject.c"

#define BEGUN 0x31      /* an interrupt whose delivery an exit cut short */
#define UPPER BIT32(20) /* a bit of vmx_vcpu.pending that is the caller's */

static struct vmx_vcpu vcpu;

/* ---- the processor ---- */

static bool field_bit(u64 field, u32 mask)
{
	return (fake.value[field] & mask) != 0;
}

#define IF     field_bit(VMCS_GUEST_RFLAGS, RFLAGS_IF)
#define STI    field_bit(VMCS_GUEST_INTERRUPTIBILITY, 1)
#define MOV_SS field_bit(VMCS_GUEST_INTERRUPTIBILITY, 2)
#define NMI    field_bit(VMCS_GUEST_INTERRUPTIBILITY, 8)

struct event {
	u32 info, error, length;
};

/* The event that the entry would inject; info 0: none. Error code and length where they count. */
static struct event prepared(void)
{
	struct event e = { (u32)fake.value[VMCS_ENTRY_INTERRUPTION_INFO], 0, 0 };

	if (e.info >> 31 == 0)
		return (struct event){ 0 };
	if ((e.info >> 11 & 1) != 0)
		e.error = (u32)fake_read(VMCS_ENTRY_ERROR_CODE);
	if ((e.info >> 8 & 7) >= 4)
		e.length = (u32)fake_read(VMCS_ENTRY_INSTRUCTION_LENGTH);
	return e;
}

static bool same(struct event a, struct event b)
{
	return a.info == b.info && a.error == b.error && a.length == b.length;
}

/* ---- states ---- */

/* Events that an exit can find half delivered. Bit 12 of the field is undefined: some set it. */
static const struct event vectoring[] = {
	{ 0, 0, 0 },                  /* nothing */
	{ 0x80000000 | BEGUN, 0, 0 }, /* interrupt */
	{ 0x80001202, 0, 0 },         /* NMI */
	{ 0x80000306, 0, 0 },         /* #UD */
	{ 0x80000b0e, 6, 0 },         /* #PF */
	{ 0x80001b08, 0, 0 },         /* #DF */
	{ 0x80000480, 0, 2 },         /* INT 0x80 */
	{ 0x80000501, 0, 1 },         /* INT1 */
	{ 0x80000603, 0, 1 },         /* INT3 */
	{ 0x80000b0d, 0x18, 0 },      /* #GP */
};

static void set_fields(u32 interruptibility, bool flag)
{
	fake_reset();
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.cpu_controls = PRIMARY_HLT_EXITING;
	fake_set(VMCS_PRIMARY_CONTROLS, vcpu.cpu_controls);
	rules_set_guest(MODE_64);
	fake_set(VMCS_IDT_VECTORING_INFO, 0);
	fake_set(VMCS_GUEST_INTERRUPTIBILITY, interruptibility);
	fake_set(VMCS_GUEST_RFLAGS, flag ? 0x202 : 2);
	vcpu.pending = UPPER;
}

static void exit_while_delivering(struct event e)
{
	fake_set(VMCS_IDT_VECTORING_INFO, e.info);
	fake_set(VMCS_EXIT_INSTRUCTION_LENGTH, e.length == 0 ? 99 : e.length);
	if ((e.info & 0x800) != 0)
		fake_set(VMCS_IDT_VECTORING_ERROR_CODE, e.error);
	vmx_take_revectored(&vcpu);
}

#endif
