// SPDX-License-Identifier: MIT
/* Entrances for VT-x's APIC virtualisation, where the processor has changed reg[] itself. */
#include "vapic/regs.h"

/* The few registers that virtual x2APIC mode stores and then reports. */
static u32 x2apic_write(struct vapic *a, u32 offset, u64 now, struct vapic_effects *fx)
{
	u64 value = a->reg[offset / 4];

	switch (offset) {
	case APIC_ICR:
		return vapic_icr_write64(a, value | (u64)a->reg[APIC_ICR / 4 + 1] << 32, fx);
	case APIC_SELF_IPI:
	case APIC_EOI:
	case APIC_TPR:
		return vapic_msr_write(a, MSR_X2APIC + offset / 16, value, now, fx);
	default:
		return VAPIC_OK;
	}
}

u32 vapic_apic_write(struct vapic *a, u32 offset, u64 now, struct vapic_effects *fx)
{
	if (offset >= sizeof(a->reg) || offset % 16 != 0)
		return VAPIC_OK;
	if (vapic_mode(a) == VAPIC_X2APIC)
		return x2apic_write(a, offset, now, fx);
	return vapic_mmio_write(a, offset, 4, a->reg[offset / 4], now, fx);
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
