/* SPDX-License-Identifier: MIT */
/*
 * Posting into a mailbox, from any core, inline on the path from ICR write to kick; and the
 * delivery protocol, of which this is *the* comment: all others point here.
 *
 * A sender and the target's owner share three things without a lock: the mailbox (struct
 * vapic_mail), the target's run state, and the requests to it. The last two are the hypervisor's
 * (hv/kernel/vcpu/vcpu.h: enum run_state, REQUEST_*).
 *
 *   sender                                    target's owner
 *   POST   lock or pir, vector       (A)      PUBLISH  xchg state = guest, or blocked       (B)
 *          lock bts on: was set? done         LOOK     on, events or requests set?
 *   LOOK   at the target's state     (B)               no:  enter the guest, or sleep
 *          guest:   KICK its core                      yes: state = host, PULL, and PUBLISH again
 *          blocked: WAKE, if this sender      PULL     clear on, then xchg pir              (A)
 *                   wins the CAS to host
 *          host:    nothing: it will look
 *          brief:   nothing: it is in guest mode by a short timer, and looks when that is over
 *
 * A: mail_post_vector() sets pir before it tests `on`; vapic_pull() clears `on` before it reads
 * pir. The owner finds the vector, or the sender finds `on` clear and answers for the notification.
 * B: a post is a locked instruction, hence a full fence before the look at the state
 *    (sched_notify); the state is stored by XCHG, hence before the look at the mailbox (`publish`,
 *    sched_block). The sender sees the state and kicks or wakes, or the owner sees the post.
 *
 * A kick that comes after the owner's look stays pending in the core's APIC: the guest exits as
 * soon as it is entered. So an exit that goes straight back (the fast path) leaves the state at
 * "guest", and neither publishes nor looks: any sender that has posted meanwhile has kicked too. A
 * kick needs no fence of its own. Requests are or-ed in by a locked instruction and travel like
 * events, whose sender answers if it finds none there.
 *
 * Both functions end in a locked instruction also where nothing changes, because what the sender
 * stored before (the data that the interrupt announces) must be visible to a target that takes the
 * bit another sender has set.
 *
 * Each order is needed: tests/proof/delivery.pml, tests/proof/mailbox.pml, docs/vapic-evidence.md.
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

/* Posts a vector. Barrier A: pir before `on`; partner: vapic_pull(). */
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
		/* Barrier: full, as every post; partner: the swap in vapic_pull(). */
	} while (!atomic_cas(&m->events, &old, new));
	if (new == old)
		return POSTED_TWICE;
	return old == 0 ? POSTED_WAKE : POSTED_QUIET;
}

#endif
