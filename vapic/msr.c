// SPDX-License-Identifier: MIT
/* The APIC as MSRs: x2APIC registers, the base, the TSC deadline. */
#include "vapic/regs.h"

/* Returns the row of an x2APIC MSR that allows this access, or NULL. */
static const struct reg *row(const struct vapic *a, u32 msr, u32 access)
{
	u32 i = msr - MSR_X2APIC;

	if (vapic_mode(a) != VAPIC_X2APIC || i >= APIC_ROWS || !(regs[i].access & access))
		return NULL;
	return &regs[i];
}

u32 vapic_msr_read(struct vapic *a, u32 msr, u64 now, u64 *value)
{
	const struct reg *r;

	if (msr == MSR_APIC_BASE) {
		*value = a->base;
		return VAPIC_OK;
	}
	if (msr == MSR_TSC_DEADLINE && (a->vm->features & VAPIC_HAS_DEADLINE)) {
		*value = timer_deadline_read(a);
		return VAPIC_OK;
	}
	r = row(a, msr, MSR_R);
	if (r == NULL)
		return VAPIC_GP;
	*value = reg_read(a, r, (msr - MSR_X2APIC) * 16, now);
	if (msr == MSR_X2APIC_ICR)
		*value |= (u64)a->reg[APIC_ICR_HIGH / 4] << 32;
	return VAPIC_OK;
}

u32 vapic_msr_write(struct vapic *a, u32 msr, u64 value, u64 now, struct vapic_effects *fx)
{
	const struct reg *r;

	if (msr == MSR_X2APIC_ICR)
		return vapic_icr_write64(a, value, fx);
	if (msr == MSR_APIC_BASE)
		return vapic_base_write(a, value);
	if (msr == MSR_TSC_DEADLINE && (a->vm->features & VAPIC_HAS_DEADLINE))
		return timer_deadline_write(a, value);
	r = row(a, msr, MSR_W);
	if (r == NULL || (value & ~(u64)(reg_writable(a, r) | r->ignored)) != 0)
		return VAPIC_GP;
	return reg_write(a, r, (msr - MSR_X2APIC) * 16, (u32)value, now, fx);
}
