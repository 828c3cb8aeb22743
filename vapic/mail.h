/* SPDX-License-Identifier: MIT */
/*
 * Posting into a mailbox, from any core. Inline: this is the path from ICR write to kick.
 *
 * Both functions end in a locked instruction also where nothing changes, because what the sender
 * stored before (the data that the interrupt announces) must be visible to a target that takes the
 * bit another sender has set.
 */
#ifndef VAPIC_MAIL_H
#define VAPIC_MAIL_H

#include "vapic/internal.h"

enum posted {
	POSTED_WAKE,  /* newly pending, and this sender answers for the notification */
	POSTED_QUIET, /* newly pending, another sender answers */
	POSTED_TWICE, /* coalesced: pending already */
};

/* Notes the trigger mode of a vector that is about to be posted. The owner reads it afterwards. */
static NOINLINE void mail_trigger(struct vapic_mail *m, u32 vector, bool level)
{
	u64 bit = BIT(vector % 64);

	if (level) {
		atomic_store(&m->leveled, 1u);
		atomic_or(&m->level[vector / 64], bit);
	} else {
		atomic_and(&m->level[vector / 64], ~bit);
	}
}

/*
 * Barrier: the vector is in pir before `on` is looked at. Partner: vapic_pull(), which clears `on`
 * before it looks at pir. So either the owner sees the vector, or this sender sees `on` clear and
 * wakes the owner.
 */
static ALWAYS_INLINE enum posted mail_post_vector(struct vapic_mail *m, u32 vector, bool level)
{
	u64 bit = BIT(vector % 64);

	if (unlikely(level) || unlikely(atomic_load_relaxed(&m->leveled) != 0))
		mail_trigger(m, vector, level);
	if (unlikely(atomic_or(&m->pir[vector / 64], bit) & bit))
		return POSTED_TWICE;
	return atomic_or(&m->on, 1u) & 1 ? POSTED_QUIET : POSTED_WAKE;
}

/*
 * Posts one event bit, a SIPI with its vector. INIT wipes out what waits: whichever state the
 * target was in, it resets it, and leaves it waiting for a SIPI. A second SIPI changes nothing.
 */
static inline enum posted mail_post_event(struct vapic_mail *m, u32 event)
{
	u32 old = atomic_load_relaxed(&m->events);
	u32 new;

	do {
		new = (event & VAPIC_EV_INIT) != 0 ? VAPIC_EV_INIT : old | event;
		if ((event & VAPIC_EV_SIPI) && (old & VAPIC_EV_SIPI))
			new = old;
		/* Barrier: partner is the swap in vapic_pull(). */
	} while (!atomic_cas(&m->events, &old, new));
	if (new == old)
		return POSTED_TWICE;
	return old == 0 ? POSTED_WAKE : POSTED_QUIET;
}

#endif
