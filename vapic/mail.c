// SPDX-License-Identifier: MIT
/* The owner empties its mailbox. */
#include "vapic/mail.h"

/* Moves vectors 32w..32w+31 into IRR. Returns how many of them were there already. */
static ALWAYS_INLINE u32 take_half(struct vapic *a, u32 w, u32 vectors)
{
	u32 *irr = &a->reg[APIC_IRR / 4 + w * 4];
	u32 both = *irr & vectors;

	if (vectors == 0)
		return 0;
	*irr |= vectors;
	a->irr_words = (u8)(a->irr_words | BIT32(w));
	return unlikely(both != 0) ? bit_count(both) : 0;
}

static NOINLINE void take_triggers(struct vapic *a, u32 w, u64 vectors)
{
	u64 level = atomic_load_relaxed(&a->mail.level[w]);
	u32 *tmr = &a->reg[APIC_TMR / 4 + w * 8];

	tmr[0] = (tmr[0] & ~(u32)vectors) | (u32)(level & vectors);
	tmr[4] = (tmr[4] & ~(u32)(vectors >> 32)) | (u32)((level & vectors) >> 32);
}

static NOINLINE u32 take_word(struct vapic *a, u32 w)
{
	/* Acquires what the senders stored before they posted. */
	u64 vectors = atomic_swap(&a->mail.pir[w], 0);
	u32 folded = take_half(a, w * 2, (u32)vectors);

	folded += take_half(a, w * 2 + 1, (u32)(vectors >> 32));
	if (unlikely(atomic_load_relaxed(&a->mail.leveled) != 0))
		take_triggers(a, w, vectors);
	return folded;
}

/* Reads each word first, to avoid the XCHG; a later post sends its own wake-up. */
u32 mail_take(struct vapic *a)
{
	u32 folded = 0;

	for (u32 w = 0; w < 4; w++)
		if (atomic_load_relaxed(&a->mail.pir[w]) != 0)
			folded += take_word(a, w);
	return folded;
}

/* Drops what was posted by senders that had not yet seen the APIC disabled, as it ignores it. */
static u32 mail_discard(struct vapic *a)
{
	u32 lost = 0;

	for (u32 w = 0; w < 4; w++)
		lost += bit_count(atomic_swap(&a->mail.pir[w], 0));
	return lost;
}

/* Takes the events. Returns those that the caller has to act on. */
static NOINLINE u32 take_events(struct vapic *a)
{
	u32 events = atomic_swap(&a->mail.events, 0);

	/* SELF is implied: the caller of a pull looks at IRR next. */
	if (events & VAPIC_EV_ILLEGAL)
		(void)!esr_log(a, APIC_ESR_RECEIVE_ILLEGAL);
	return events & ~(u32)VAPIC_EV_ILLEGAL;
}

static ALWAYS_INLINE struct vapic_mailed pull_vectors(struct vapic *a, u32 events)
{
	u32 folded = 0, lost = 0;

	if (likely(atomic_load_relaxed(&a->mail.on) & 1)) {
		/*
		 * Barrier A (mail.h): `on` is clear before pir is read; partner:
		 * mail_post_vector().
		 */
		atomic_and(&a->mail.on, ~1u);
		if (likely(apic_enabled(a))) {
			folded = mail_take(a);
		} else {
			lost = mail_discard(a);
			events |= lost != 0 ? VAPIC_EV_LOST : 0;
		}
	}
	return (struct vapic_mailed){
		.events = events,
		.folded = (u16)folded,
		.lost = (u16)lost,
	};
}

struct vapic_mailed vapic_pull(struct vapic *a)
{
	u32 events = 0;

	if (unlikely(atomic_load_relaxed(&a->mail.events) != 0))
		events = take_events(a);
	return pull_vectors(a, events);
}

struct vapic_mailed vapic_pull_vectors(struct vapic *a)
{
	return pull_vectors(a, 0);
}
