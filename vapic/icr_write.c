// SPDX-License-Identifier: MIT
/* ICR writes on the slow path; vapic/fast.h takes the most frequent ones. */
#include "vapic/internal.h"

u32 vapic_icr_write64(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	if (!(a->base & APIC_BASE_EXTD) || ((u32)value & VAPIC_ICR_RESERVED))
		return VAPIC_GP;
	a->reg[APIC_ICR / 4] = (u32)value & ~APIC_ICR_STATUS;
	a->reg[APIC_ICR_HIGH / 4] = (u32)(value >> 32);
	return vapic_send(a->vm, a, vapic_icr_x2apic(value), fx);
}

u32 vapic_icr_write_low(struct vapic *a, u32 low, struct vapic_effects *fx)
{
	a->reg[APIC_ICR / 4] = low & APIC_ICR_WRITABLE;
	return vapic_send(a->vm, a, vapic_icr_xapic(low, a->reg[APIC_ICR_HIGH / 4]), fx);
}

u32 vapic_self_ipi(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	if (!(a->base & APIC_BASE_EXTD) || value > 0xff)
		return VAPIC_GP;
	return vapic_send(a->vm, a, vapic_icr_x2apic(value | APIC_ICR_SELF), fx);
}
