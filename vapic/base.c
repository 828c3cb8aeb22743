// SPDX-License-Identifier: MIT
/*
 * IA32_APIC_BASE and the three modes:
 *
 *   disabled <-> xAPIC -> x2APIC -> disabled        and nothing else (SDM "x2APIC States")
 */
#include "vapic/internal.h"
#include "vapic/pv_eoi.h"
#include "vapic/regs.h"

#define RESERVED (BITS(7, 0) | BIT(9))

/* SDM "Logical Destination Mode in x2APIC Mode": cluster in 31:16, one bit for the member. */
static u32 x2apic_ldr(u32 id)
{
	return (id >> 4 & 0xffff) << 16 | BIT32(id & 15);
}

void regs_reset(struct vapic *a)
{
	u32 id = a->reg[APIC_ID / 4];

	vapic_pv_eoi_withdraw(a);
	for (u32 i = 0; i < APIC_ROWS; i++)
		a->reg[i * 4] = regs[i].reset;
	a->reg[APIC_ID / 4] = id;
	if (a->vm->features & VAPIC_HAS_EOI_SUPPRESS)
		a->reg[APIC_VERSION / 4] |= APIC_VERSION_SUPPRESS;
	a->irr_words = 0;
	a->isr_words = 0;
	a->esr_log = 0;
	a->esr_armed = 1;
	a->timer_mode = APIC_TIMER_ONESHOT;
	a->timer_shift = 1; /* divide configuration 0 is division by 2 */
	timer_stop(a);
}

void mode_set(struct vapic *a, u64 base)
{
	bool was_xapic = vapic_mode(a) == VAPIC_XAPIC;
	bool is_x2apic = (base & APIC_BASE_EXTD) != 0;
	bool is_xapic = (base & APIC_BASE_EN) != 0 && !is_x2apic;

	/* Senders scan for xAPICs if they see one: counted before it is published, else after. */
	if (is_xapic && !was_xapic)
		atomic_add(&a->vm->xapics, 1u);
	a->base = base;
	a->reg[APIC_ID / 4] = is_x2apic ? a->id : a->id << 24;
	if (is_x2apic)
		a->reg[APIC_LDR / 4] = x2apic_ldr(a->id);
	route_publish(a);
	if (was_xapic && !is_xapic)
		atomic_add(&a->vm->xapics, ~0u);
}

u32 vapic_base_write(struct vapic *a, u64 value)
{
	enum vapic_mode old = vapic_mode(a);
	bool en = (value & APIC_BASE_EN) != 0;
	bool extd = (value & APIC_BASE_EXTD) != 0;

	if ((value & RESERVED) || value >> a->vm->phys_bits != 0)
		return VAPIC_GP;
	if (extd && (!en || !(a->vm->features & VAPIC_HAS_X2APIC) || old == VAPIC_DISABLED))
		return VAPIC_GP;
	if (old == VAPIC_X2APIC && en && !extd)
		return VAPIC_GP;
	if (!en && old != VAPIC_DISABLED)
		regs_reset(a);
	/* In xAPIC mode the ICR's upper half has 8 bits; the other 24 start as 0. */
	if (extd && old == VAPIC_XAPIC)
		a->reg[APIC_ICR_HIGH / 4] = 0;
	mode_set(a, value);
	return VAPIC_MODE | VAPIC_TIMER;
}
