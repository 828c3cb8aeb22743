// SPDX-License-Identifier: MIT
/*
 * The guest writes its ICR. A fixed interrupt to one vCPU is by far the most frequent, and is done
 * here in a few dozen instructions; all else goes the general way, which gives the same results.
 */
#include "vapic/send.h"

/* Bits of the ICR that are all 0 for a fixed interrupt to a physical destination. */
#define NOT_PLAIN (APIC_ICR_MODE | APIC_ICR_LOGICAL | APIC_ICR_SHORTHAND)

/* Out of line, so that the shortcuts need no stack frame. */
static NOINLINE u32 general64(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	return vapic_send(a->vm, a, vapic_icr_x2apic(value), fx);
}

static NOINLINE u32 general_low(struct vapic *a, u32 low, struct vapic_effects *fx)
{
	return vapic_send(a->vm, a, vapic_icr_xapic(low, a->reg[APIC_ICR_HIGH / 4]), fx);
}

/* The next frequent: fixed to oneself, or to a cluster. */
static NOINLINE u32 not_plain64(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	u32 how = (u32)value & NOT_PLAIN;
	u32 vector = value & 0xff;

	if (vector < APIC_FIRST_VECTOR)
		return general64(a, value, fx);
	if ((how & ~APIC_ICR_LOGICAL) == APIC_ICR_SELF && apic_enabled(a))
		return send_self(a, vector, fx);
	if (how == APIC_ICR_LOGICAL && route_cluster(a->vm, (u32)(value >> 32), &fx->wake))
		return send_fixed(a->vm, a, vector, 0, fx);
	return general64(a, value, fx);
}

u32 vapic_icr_write64(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	u32 low = (u32)value;
	u32 dest = (u32)(value >> 32);
	u32 vector = low & 0xff;
	u32 todo;

	if (unlikely(!(a->base & APIC_BASE_EXTD)) || unlikely(low & VAPIC_ICR_RESERVED))
		return VAPIC_GP;
	a->reg[APIC_ICR / 4] = low;
	a->reg[APIC_ICR_HIGH / 4] = dest;
	if (unlikely(vector < APIC_FIRST_VECTOR) || unlikely(low & NOT_PLAIN))
		return not_plain64(a, value, fx);
	todo = send_one(a->vm, a, vapic_index(a->vm, dest), vector, fx);
	return likely(todo != 0) ? todo : general64(a, value, fx);
}

u32 vapic_icr_write_low(struct vapic *a, u32 low, struct vapic_effects *fx)
{
	u32 dest = a->reg[APIC_ICR_HIGH / 4] >> 24;
	u32 vector = low & 0xff;
	u32 todo = 0;

	a->reg[APIC_ICR / 4] = low & APIC_ICR_WRITABLE;
	if (unlikely(vector < APIC_FIRST_VECTOR))
		return general_low(a, low, fx);
	if ((low & NOT_PLAIN & ~APIC_ICR_LOGICAL) == APIC_ICR_SELF && likely(apic_enabled(a)))
		return send_self(a, vector, fx);
	/* 0xff is everybody, though somebody may have that ID in x2APIC mode. */
	if (likely(!(low & NOT_PLAIN)) && likely(dest != 0xff))
		todo = send_one(a->vm, a, vapic_index(a->vm, dest), vector, fx);
	return likely(todo != 0) ? todo : general_low(a, low, fx);
}

u32 vapic_self_ipi(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	if (!(a->base & APIC_BASE_EXTD) || value > 0xff)
		return VAPIC_GP;
	if (likely(value >= APIC_FIRST_VECTOR) && likely(apic_enabled(a)))
		return send_self(a, (u32)value, fx);
	return general64(a, value | APIC_ICR_SELF, fx);
}
