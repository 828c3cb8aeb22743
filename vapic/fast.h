/* SPDX-License-Identifier: MIT */
/*
 * The fast path's part of the model, inline: send a fixed interrupt, take one, end it. Owner only.
 * Each function does what the one of vapic.h does, for an APIC that vapic_is_fast(). The caller
 * asks that first, and takes the slow path if it is not.
 */
#ifndef VAPIC_FAST_H
#define VAPIC_FAST_H

#include "vapic/mail.h"

/*
 * Whether the fast path may serve this APIC: it is in that mode, enabled by SVR, and no
 * level-triggered interrupt has been seen.
 */
static ALWAYS_INLINE bool vapic_is_fast(const struct vapic *a, enum vapic_mode mode)
{
	return a->fast_mode == mode && atomic_load_relaxed(&a->mail.leveled) == 0;
}

/* Returns the word of a 256-bit register that holds vectors 32w..32w+31. */
static ALWAYS_INLINE u32 *vapic_word(struct vapic *a, u32 reg, u64 w)
{
	return &a->reg[reg / 4 + w * 4];
}

/* Returns the highest vector in ISR or IRR; `words`, the register's summary, is not 0. */
static ALWAYS_INLINE u32 vapic_highest(struct vapic *a, u32 reg, u32 words)
{
	u32 w = bit_highest(words);

	return w * 32 + bit_highest(*vapic_word(a, reg, w));
}

/*
 * Does vapic_next() and vapic_accept() in one, for a caller that can inject now. Returns the
 * vector, or -1.
 */
static ALWAYS_INLINE int vapic_fast_take(struct vapic *a)
{
	u32 words = a->irr_words;
	u32 floor = a->reg[APIC_TPR / 4] & 0xff;
	u32 w, irr, bit, vector, *isr;

	if (unlikely(words == 0))
		return -1;
	if (a->isr_words != 0)
		floor = MAX(floor, vapic_highest(a, APIC_ISR, a->isr_words));
	w = bit_highest(words);
	isr = vapic_word(a, APIC_ISR, w);
	irr = isr[(APIC_IRR - APIC_ISR) / 4];
	bit = bit_highest(irr);
	vector = w * 32 + bit;
	/* Its class, bits 7:4, must be above that of TPR and of what is in service. */
	if (vector <= (floor | 0xf))
		return -1;
	*isr = bit_added(*isr, bit);
	irr = bit_cleared(irr, bit);
	isr[(APIC_IRR - APIC_ISR) / 4] = irr;
	if (likely(irr == 0))
		a->irr_words = (u8)bit_cleared(words, w);
	a->isr_words = (u8)bit_added(a->isr_words, w);
	return (int)vector;
}

/* Does vapic_eoi(). True: something is in IRR, and may be deliverable now. */
static ALWAYS_INLINE bool vapic_fast_eoi(struct vapic *a)
{
	u64 words = a->isr_words;
	u64 w;
	u32 isr;

	if (likely(words != 0)) {
		w = bit_highest(words);
		isr = *vapic_word(a, APIC_ISR, w);
		isr = bit_cleared(isr, bit_highest(isr));
		*vapic_word(a, APIC_ISR, w) = isr;
		if (likely(isr == 0))
			a->isr_words = (u8)bit_cleared((u32)words, (u32)w);
	}
	return a->irr_words != 0;
}

/* Stores an x2APIC ICR value as the guest reads it back afterwards. */
static ALWAYS_INLINE void vapic_fast_note_icr(struct vapic *a, u64 icr)
{
	a->reg[APIC_ICR / 4] = (u32)icr;
	a->reg[APIC_ICR_HIGH / 4] = (u32)(icr >> 32);
}

/*
 * Returns the vCPUs with APIC ID base + n for each set bit n of `low`, as a bitmap of indexes; 0:
 * the slow path has to route. The fast path can where the VM has up to 64 vCPUs whose IDs are their
 * indexes, and the sender is enabled and not among its targets. No base overflows.
 */
static ALWAYS_INLINE u64 vapic_fast_targets(const struct vapic *src, u64 low, u64 base)
{
	u64 targets = low << (base % 64);

	if (unlikely(base >= 64) || unlikely(targets >> base != low) ||
	    unlikely((targets & ~src->fast_others) != 0))
		return 0;
	return targets;
}

/* Bits of x2APIC mode's ICR that fault or have no effect. */
#define ICR_NOT_FAST (VAPIC_ICR_RESERVED | APIC_ICR_STATUS)

/*
 * Returns the targets of an x2APIC ICR value with a legal vector, as vapic_fast_targets() does; 0
 * also unless it is a fixed interrupt to others.
 */
static ALWAYS_INLINE u64 vapic_fast_targets_x2apic(const struct vapic *src, u64 icr)
{
	u32 how = (u32)icr & (APIC_ICR_MODE | APIC_ICR_LOGICAL | APIC_ICR_SHORTHAND | ICR_NOT_FAST);
	u64 dest = icr >> 32;

	if (how == 0)
		return vapic_fast_targets(src, 1, dest);
	if (how == APIC_ICR_OTHERS)
		return src->fast_others;
	/*
	 * A logical destination is cluster and members; xAPICs would have logical IDs of their own.
	 */
	if (how == APIC_ICR_LOGICAL && likely(atomic_load_relaxed(&src->vm->xapics) == 0))
		return vapic_fast_targets(src, dest & 0xffff, dest >> 16 << 4);
	return 0;
}

/* Returns the targets of the low half of xAPIC mode's ICR; the high half is in its register. */
static ALWAYS_INLINE u64 vapic_fast_targets_xapic(const struct vapic *src, u32 low)
{
	u32 how = low & (APIC_ICR_MODE | APIC_ICR_LOGICAL | APIC_ICR_SHORTHAND);
	u32 dest = src->reg[APIC_ICR_HIGH / 4] >> 24;

	if (how == 0)
		return vapic_fast_targets(src, 1, dest);
	return how == APIC_ICR_OTHERS ? src->fast_others : 0;
}

/* Whether an x2APIC ICR value with a legal vector is a fixed interrupt to oneself, no more. */
static ALWAYS_INLINE bool vapic_fast_is_self(u32 low)
{
	return (low & (APIC_ICR_MODE | APIC_ICR_LOGICAL | APIC_ICR_SHORTHAND | ICR_NOT_FAST)) ==
	       APIC_ICR_SELF;
}

/* Sends a fixed interrupt to oneself. False: coalesced, the vector was pending. */
static ALWAYS_INLINE bool vapic_fast_send_self(struct vapic *a, u32 vector)
{
	u32 bit = vector % 32;
	u64 w = vector / 32;
	u32 old = *vapic_word(a, APIC_IRR, w);
	u32 new = bit_added(old, bit);

	*vapic_word(a, APIC_IRR, w) = new;
	a->irr_words = (u8)bit_added(a->irr_words, (u32)w);
	return new != old;
}

#endif
