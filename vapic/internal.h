/* SPDX-License-Identifier: MIT */
/* Functions that the model's files share among themselves, all for the owner of `a`. */
#ifndef VAPIC_INTERNAL_H
#define VAPIC_INTERNAL_H

#include "vapic/arch.h"
#include "vapic/vapic.h"

static ALWAYS_INLINE bool apic_enabled(const struct vapic *a)
{
	return (a->reg[APIC_SVR / 4] & APIC_SVR_ENABLE) != 0;
}

/* Returns the index in reg[] of the word of a 256-bit register that holds this vector. */
static ALWAYS_INLINE u32 vector_word(u32 reg, u32 vector)
{
	return reg / 4 + vector / 32 * 4;
}

/* Returns the highest vector in ISR or IRR, or -1; `words` is the register's summary. */
static ALWAYS_INLINE int vector_highest(const struct vapic *a, u32 reg, u32 words)
{
	u32 w;

	if (words == 0)
		return -1;
	w = bit_highest(words);
	return (int)(w * 32 + bit_highest(a->reg[reg / 4 + w * 4]));
}

/* Notes in TMR the trigger mode of a vector that enters IRR. Not called while all is edge. */
static NOINLINE void tmr_set(struct vapic *a, u32 vector, bool level)
{
	u32 *tmr = &a->reg[vector_word(APIC_TMR, vector)];
	u32 bit = BIT32(vector % 32);

	*tmr = level ? *tmr | bit : *tmr & ~bit;
	if (level)
		atomic_store_relaxed(&a->mail.leveled, 1u);
}

/* Puts a vector into IRR. True if it was pending there already. */
static ALWAYS_INLINE bool irr_set(struct vapic *a, u32 vector, bool level)
{
	u32 *irr = &a->reg[vector_word(APIC_IRR, vector)];
	u32 bit = BIT32(vector % 32);
	u32 old = *irr;

	*irr = old | bit;
	a->irr_words = (u8)(a->irr_words | BIT32(vector / 32));
	if (unlikely(level) || unlikely(atomic_load_relaxed(&a->mail.leveled) != 0))
		tmr_set(a, vector, level);
	return (old & bit) != 0;
}

/* Returns the highest vector in ISR or IRR, or 0, without using the summaries. */
u32 vector_scan(const struct vapic *a, u32 reg);

/* After an EOI of this vector: returns `todo`, with EOI added if it was level-triggered. */
u32 eoi_level(struct vapic *a, u32 vector, u32 todo, struct vapic_effects *fx) MUST_USE;

/* Moves the mailbox's vectors into IRR. Returns how many were pending there already. */
u32 mail_take(struct vapic *a);

/* Publishes the route word. Must be called after every change of mode, SVR, LDR or DFR. */
void route_publish(struct vapic *a);

/* Finds the vCPUs that an interrupt message names. Lowest priority is not yet arbitrated. */
void route_resolve(const struct vapic_vm *vm, const struct vapic *src, struct vapic_icr icr,
                   struct vapic_set *set);

/*
 * Adds the vCPUs with APIC ID base + n for each set bit n. Returns how many IDs nobody has. The
 * caller sees to it that no ID leaves 32 bits.
 */
u32 route_ids(const struct vapic_vm *vm, u64 mask, u32 base, struct vapic_set *set);

/* Posts to all in fx->wake, which becomes the set to wake; `extra` IDs were asked for in vain. */
u32 send_to_set(struct vapic_vm *vm, struct vapic *src, struct vapic_icr icr, u32 extra,
                struct vapic_effects *fx);

/* Logs errors in ESR and raises the error LVT. Returns SELF if that is now pending. */
u32 esr_log(struct vapic *a, u32 errors) MUST_USE;

/* Changes the base MSR and what hangs on the mode. The value is legal. */
void mode_set(struct vapic *a, u64 base);

/* Sets all registers to their values after INIT; ID and mode stay. */
void regs_reset(struct vapic *a);

void timer_stop(struct vapic *a);

/* Returns word w of IRR as the guest sees it: with the mailbox, if the APIC is enabled. */
u32 irr_seen(const struct vapic *a, u32 w);

/* PV EOI's flag: the guest clears it where it would write EOI. */
static ALWAYS_INLINE bool flag_is_set(const u8 *flag)
{
	return (atomic_load_relaxed(flag) & 1) != 0;
}

/* Returns word w of ISR as the guest sees it: without a vector whose EOI it has skipped. */
u32 isr_seen(const struct vapic *a, u32 w);

/* Lets local pins fire again that wait for the EOI of this level-triggered vector. */
void lvt_eoi(struct vapic *a, u32 vector);

/* As a disabled APIC has them: every entry of the table is masked. */
void lvt_mask_all(struct vapic *a);

#endif
