/* SPDX-License-Identifier: MIT */
/* The two shortest ways of a fixed interrupt from a vCPU. The vector is legal. */
#ifndef VAPIC_SEND_H
#define VAPIC_SEND_H

#include "vapic/mail.h"

#define SENT_POSTED    ((struct vapic_tally){ .requested = 1, .posted = 1 })
#define SENT_COALESCED ((struct vapic_tally){ .requested = 1, .coalesced = 1 })

/* To oneself: the sender owns that IRR. The APIC is enabled. */
static ALWAYS_INLINE u32 send_self(struct vapic *a, u32 vector, struct vapic_effects *fx)
{
	if (irr_set(a, vector, false))
		fx->sent = SENT_COALESCED;
	else
		fx->sent = SENT_POSTED;
	return VAPIC_SENT | VAPIC_SELF;
}

/*
 * To vCPU i, VAPIC_NONE allowed. Returns 0 if it is not the plain case of another vCPU that is
 * enabled: nothing was done then.
 */
static ALWAYS_INLINE u32 send_one(const struct vapic_vm *vm, const struct vapic *src, u32 i,
                                  u32 vector, struct vapic_effects *fx)
{
	enum posted posted;

	if (unlikely(i == VAPIC_NONE) || unlikely(i == src->index) ||
	    unlikely(!(atomic_load_relaxed(&vm->route[i]) & VAPIC_ROUTE_ENABLED)))
		return 0;
	posted = mail_post_vector(&vm->apic[i]->mail, vector, false);
	if (unlikely(posted == POSTED_TWICE)) {
		fx->sent = SENT_COALESCED;
		return VAPIC_SENT;
	}
	fx->sent = SENT_POSTED;
	if (posted == POSTED_QUIET)
		return VAPIC_SENT;
	vapic_set_only(&fx->wake, i);
	return VAPIC_SENT | VAPIC_WAKE;
}

#endif
