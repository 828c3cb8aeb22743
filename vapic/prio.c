// SPDX-License-Identifier: MIT
/* Which interrupt is next: IRR, ISR, TPR, PPR (SDM volume 3A, "Handling Interrupts"). */
#include "vapic/internal.h"

/* Returns TPR, which the processor writes under a TPR shadow; only bits 7:0 exist. */
static u32 tpr(const struct vapic *a)
{
	return a->reg[APIC_TPR / 4] & 0xff;
}

static u32 isr_top(const struct vapic *a)
{
	int v = vector_highest(a, APIC_ISR, a->isr_words);

	return v < 0 ? 0 : (u32)v;
}

/*
 * Returns the highest vector of ISR or IRR, or 0, by looking at all of it: for rare questions, and
 * while the processor keeps the registers and nobody the summaries.
 */
u32 vector_scan(const struct vapic *a, u32 reg)
{
	for (u32 w = 8; w-- > 0;) {
		if (a->reg[reg / 4 + w * 4] != 0)
			return w * 32 + bit_highest(a->reg[reg / 4 + w * 4]);
	}
	return 0;
}

u32 isr_seen(const struct vapic *a, u32 w)
{
	u32 isr = a->reg[APIC_ISR / 4 + w * 4];

	if (a->eoi_flag == NULL || flag_is_set(a->eoi_flag) || a->isr_words == 0 ||
	    bit_highest(a->isr_words) != w)
		return isr;
	return isr & ~BIT32(bit_highest(isr));
}

u32 irr_seen(const struct vapic *a, u32 w)
{
	u64 mail = apic_enabled(a) ? atomic_load_relaxed(&a->mail.pir[w / 2]) : 0;

	return a->reg[APIC_IRR / 4 + w * 4] | (u32)(mail >> (w % 2 * 32));
}

static u32 top_seen(const struct vapic *a, u32 (*seen)(const struct vapic *a, u32 w))
{
	for (u32 w = 8; w-- > 0;) {
		u32 word = seen(a, w);

		if (word != 0)
			return w * 32 + bit_highest(word);
	}
	return 0;
}

u8 vapic_ppr(const struct vapic *a)
{
	u32 isr = top_seen(a, isr_seen);

	/* The SDM leaves the low bits open for equal classes; this is VT-x's own rule. */
	return (u8)(tpr(a) >> 4 >= isr >> 4 ? tpr(a) : isr & 0xf0);
}

u8 vapic_apr(const struct vapic *a)
{
	u32 isr = top_seen(a, isr_seen) >> 4;
	u32 irr = top_seen(a, irr_seen) >> 4;
	u32 class = tpr(a) >> 4;

	if (class >= irr && class > isr)
		return (u8)tpr(a);
	return (u8)(MAX(MAX(class, isr), irr) << 4);
}

int vapic_next(const struct vapic *a)
{
	int v = vector_highest(a, APIC_IRR, a->irr_words);

	if (v < 0)
		return -1;
	return (u32)v >> 4 > MAX(tpr(a), isr_top(a)) >> 4 ? v : -1;
}

u32 vapic_held_class(const struct vapic *a)
{
	int v = vector_highest(a, APIC_IRR, a->irr_words);
	u32 class = v < 0 ? 0 : (u32)v >> 4;

	return class > isr_top(a) >> 4 && class <= tpr(a) >> 4 ? class : 0;
}

void vapic_accept(struct vapic *a, u8 vector)
{
	u32 *irr = &a->reg[vector_word(APIC_IRR, vector)];
	u32 *isr = &a->reg[vector_word(APIC_ISR, vector)];
	u32 bit = BIT32(vector % 32);
	u32 word = BIT32(vector / 32);

	*irr &= ~bit;
	if (*irr == 0)
		a->irr_words = (u8)(a->irr_words & ~word);
	*isr |= bit;
	a->isr_words = (u8)(a->isr_words | word);
}

/* Handles the rare part of an EOI: a level-triggered vector, and whoever waits for its end. */
NOINLINE u32 eoi_level(struct vapic *a, u32 vector, u32 todo, struct vapic_effects *fx)
{
	if (!(a->reg[vector_word(APIC_TMR, vector)] & BIT32(vector % 32)))
		return todo;
	lvt_eoi(a, vector);
	if (a->reg[APIC_SVR / 4] & APIC_SVR_SUPPRESS)
		return todo;
	fx->eoi_vector = (u8)vector;
	return todo | VAPIC_EOI;
}

u32 vapic_eoi(struct vapic *a, struct vapic_effects *fx)
{
	u32 words = a->isr_words;
	u32 todo = a->irr_words != 0 ? VAPIC_SELF : VAPIC_OK;
	u32 w, bit, left, *isr;

	if (unlikely(words == 0))
		return VAPIC_OK;
	w = bit_highest(words);
	isr = &a->reg[APIC_ISR / 4 + w * 4];
	bit = bit_highest(*isr);
	left = *isr & ~BIT32(bit);
	*isr = left;
	if (likely(left == 0))
		a->isr_words = (u8)(words & ~BIT32(w));
	if (unlikely(atomic_load_relaxed(&a->mail.leveled) != 0))
		return eoi_level(a, w * 32 + bit, todo, fx);
	return todo;
}

bool vapic_eoi_skippable(const struct vapic *a)
{
	int top = vector_highest(a, APIC_ISR, a->isr_words);

	/* A pending vector may be waiting for just this EOI; a level-triggered one for its pin. */
	return top >= 0 && a->irr_words == 0 &&
	       !(a->reg[vector_word(APIC_TMR, (u32)top)] & BIT32((u32)top % 32));
}

u32 vapic_cr8_write(struct vapic *a, u64 value)
{
	if (value > 15)
		return VAPIC_GP;
	a->reg[APIC_TPR / 4] = (u32)value << 4;
	return a->irr_words != 0 ? VAPIC_SELF : VAPIC_OK;
}
