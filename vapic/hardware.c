// SPDX-License-Identifier: MIT
/* Calls for VT-x's APIC virtualisation, where the processor has changed reg[] itself. */
#include "vapic/regs.h"

/* Handles the registers that virtual x2APIC mode stores and then reports. */
static u32 x2apic_write(struct vapic *a, u32 offset, u64 now, struct vapic_effects *fx)
{
	const struct reg *r = &regs[offset / 16];
	u32 value = a->reg[offset / 4];

	if (offset == APIC_ICR)
		return vapic_icr_write64(a, value | (u64)a->reg[APIC_ICR / 4 + 1] << 32, fx);
	if (offset != APIC_SELF_IPI && offset != APIC_EOI && offset != APIC_TPR)
		return VAPIC_OK;
	if ((value & ~r->writable) != 0)
		return VAPIC_GP;
	return reg_write(a, r, offset, value, now, fx);
}

static u32 xapic_write(struct vapic *a, u32 offset, u64 now, struct vapic_effects *fx)
{
	const struct reg *r = &regs[offset / 16];

	/* ID is read-only, but the processor has stored: put it back. */
	if (offset == APIC_ID)
		a->reg[APIC_ID / 4] = a->id << 24;
	if (!(r->access & W))
		return VAPIC_OK;
	return reg_write(a, r, offset, a->reg[offset / 4], now, fx);
}

u32 vapic_apic_write(struct vapic *a, u32 offset, u64 now, struct vapic_effects *fx)
{
	if (vapic_mode(a) == VAPIC_DISABLED)
		return VAPIC_MISS;
	if (offset / 16 >= APIC_ROWS || offset % 16 != 0)
		return VAPIC_OK;
	return vapic_mode(a) == VAPIC_X2APIC ? x2apic_write(a, offset, now, fx)
	                                     : xapic_write(a, offset, now, fx);
}

void vapic_adopt(struct vapic *a)
{
	u32 irr = 0, isr = 0;

	for (u32 w = 0; w < 8; w++) {
		irr |= a->reg[APIC_IRR / 4 + w * 4] != 0 ? BIT32(w) : 0;
		isr |= a->reg[APIC_ISR / 4 + w * 4] != 0 ? BIT32(w) : 0;
	}
	a->irr_words = (u8)irr;
	a->isr_words = (u8)isr;
}

u32 vapic_hand_over(struct vapic *a)
{
	int v = vector_highest(a, APIC_IRR, a->irr_words);

	a->irr_words = 0;
	return v < 0 ? 0 : (u32)v;
}

u16 vapic_interrupt_status(const struct vapic *a)
{
	return (u16)(vector_scan(a, APIC_ISR) << 8 | vector_scan(a, APIC_IRR));
}

u32 vapic_virtual_eoi(struct vapic *a, u8 vector, struct vapic_effects *fx)
{
	return eoi_level(a, vector, VAPIC_OK, fx);
}

/*
 * IRR is read without the mailbox: what is in there has not arrived. ISR is what it is: the
 * processor that ends interrupts itself is offered no PV EOI.
 */
u32 vapic_serves(u32 msr)
{
	u32 i = msr - MSR_X2APIC;
	u32 offset = i * 16;
	u32 serves = 0;

	if (i >= APIC_ROWS)
		return 0;
	if ((regs[i].access & MSR_R) && offset != APIC_ICR &&
	    (regs[i].read == NULL || regs[i].read == read_irr || regs[i].read == read_isr))
		serves |= VAPIC_SERVES_READ;
	if (offset == APIC_TPR || offset == APIC_EOI || offset == APIC_SELF_IPI)
		serves |= VAPIC_SERVES_WRITE;
	return serves;
}
