// SPDX-License-Identifier: MIT
/* Posts an interrupt message to its targets' mailboxes. */
#include "vapic/mail.h"

/* How a delivery mode acts on a target. */
enum act { ACT_DROP, ACT_VECTOR, ACT_EVENT };

static const struct {
	u8 act, event;
} mode_acts[8] = {
	[VAPIC_DM_FIXED] = { ACT_VECTOR, 0 },
	[VAPIC_DM_LOWEST] = { ACT_VECTOR, 0 },
	[VAPIC_DM_SMI] = { ACT_DROP, 0 },
	[VAPIC_DM_RESERVED] = { ACT_DROP, 0 },
	[VAPIC_DM_NMI] = { ACT_EVENT, VAPIC_EV_NMI },
	[VAPIC_DM_INIT] = { ACT_EVENT, VAPIC_EV_INIT },
	[VAPIC_DM_SIPI] = { ACT_EVENT, VAPIC_EV_SIPI },
	[VAPIC_DM_EXTINT] = { ACT_EVENT, VAPIC_EV_EXTINT },
};

/* An interrupt message, reduced to what each target gets. */
struct parcel {
	enum act act;
	u32 event;    /* ACT_EVENT: bits for the mailbox */
	u8 vector;    /* ACT_VECTOR */
	bool level;   /* ACT_VECTOR */
	bool illegal; /* the vector is: targets log that and the message counts as dropped */
	u64 needs;    /* route bit that a target must have */
};

static struct parcel pack(const struct vapic *src, struct vapic_icr icr)
{
	bool level = (icr.flags & VAPIC_ICR_LEVEL) != 0;
	bool deassert = level && !(icr.flags & VAPIC_ICR_ASSERT);
	struct parcel p = {
		.act = mode_acts[icr.mode & 7].act,
		.event = mode_acts[icr.mode & 7].event,
		.vector = icr.vector,
		/* The ICR's trigger mode means something for INIT only; a device's always does. */
		.level = level && src == NULL,
		.needs = VAPIC_ROUTE_PRESENT,
	};

	if (deassert && (icr.mode == VAPIC_DM_INIT || src == NULL))
		p.act = ACT_DROP;
	if (icr.mode == VAPIC_DM_EXTINT && src != NULL)
		p.act = ACT_DROP;
	if (icr.mode == VAPIC_DM_SIPI)
		p.event |= (u32)icr.vector << 8;
	if (p.act == ACT_VECTOR) {
		p.needs = VAPIC_ROUTE_ENABLED;
		p.illegal = icr.vector < APIC_FIRST_VECTOR;
	}
	if (p.illegal) {
		p.act = ACT_EVENT;
		p.event = VAPIC_EV_ILLEGAL;
	}
	return p;
}

/*
 * Lowest priority: of the n targets that are enabled the (vector mod n)-th. No state is shared for
 * it, and a vector always finds the same vCPU while the targets stay the same.
 */
static void arbitrate(const struct vapic_vm *vm, u32 vector, struct vapic_set *set)
{
	u32 i, n = 0;

	set_for_each (i, set) {
		if (atomic_load_relaxed(&vm->route[i]) & VAPIC_ROUTE_ENABLED)
			n++;
		else
			vapic_set_remove(set, i);
	}
	if (n == 0)
		return;
	n = vector % n;
	set_for_each (i, set) {
		if (n-- == 0)
			break;
	}
	vapic_set_only(set, i);
}

/* Counts of one send, in registers. Posted is the rest. */
struct count {
	u32 requested, coalesced, dropped;
};

static ALWAYS_INLINE enum posted post(struct vapic_mail *m, struct parcel p)
{
	return p.act == ACT_VECTOR ? mail_post_vector(m, p.vector, p.level)
	                           : mail_post_event(m, p.event);
}

/* Posts to each vCPU of the set, which shrinks to those to wake. */
static struct count post_set(const struct vapic_vm *vm, struct parcel p, struct vapic_set *set)
{
	struct count c = { 0 };
	u32 i;

	set_for_each (i, set) {
		u64 r = atomic_load_relaxed(&vm->route[i]);
		enum posted posted = POSTED_QUIET;

		c.requested++;
		if (!(r & p.needs) || p.act == ACT_DROP) {
			c.dropped++;
		} else {
			posted = post(&vm->apic[i]->mail, p);
			c.dropped += p.illegal;
			c.coalesced += posted == POSTED_TWICE && !p.illegal;
		}
		if (posted != POSTED_WAKE)
			vapic_set_remove(set, i);
	}
	return c;
}

/* Takes the sender out of the set: true if it was in there. */
static bool take_self(const struct vapic *src, struct vapic_set *set)
{
	bool self = vapic_set_has(set, src->index);

	vapic_set_remove(set, src->index);
	return self;
}

/* Posts to the sender itself, whose registers are at hand: a vector goes straight into IRR. */
static NOINLINE u32 post_self(struct vapic *a, struct parcel p, struct vapic_tally *t)
{
	bool twice;

	t->requested++;
	if (p.act == ACT_DROP || vapic_mode(a) == VAPIC_DISABLED ||
	    (p.needs == VAPIC_ROUTE_ENABLED && !apic_enabled(a))) {
		t->dropped++;
		return 0;
	}
	if (p.act == ACT_VECTOR)
		twice = irr_set(a, p.vector, false);
	else
		twice = mail_post_event(&a->mail, p.event) == POSTED_TWICE;
	if (p.illegal)
		t->dropped++;
	else if (twice)
		t->coalesced++;
	else
		t->posted++;
	return p.act == ACT_EVENT ? VAPIC_SELF | VAPIC_EVENT : VAPIC_SELF;
}

/* Posts to all in fx->wake, to the sender last. Leaves those to notify in fx->wake. */
static ALWAYS_INLINE u32 post_all(struct vapic_vm *vm, struct vapic *src, struct parcel p,
                                  u32 extra, struct vapic_effects *fx)
{
	bool self = src != NULL && take_self(src, &fx->wake);
	struct count c = post_set(vm, p, &fx->wake);
	u32 todo = VAPIC_SENT;

	fx->sent = (struct vapic_tally){
		.requested = (u16)(c.requested + extra),
		.posted = (u16)(c.requested - c.coalesced - c.dropped),
		.coalesced = (u16)c.coalesced,
		.dropped = (u16)(c.dropped + extra),
	};
	if (vapic_set_next(&fx->wake, 0) != VAPIC_NONE)
		todo |= VAPIC_WAKE | (p.act == ACT_EVENT ? VAPIC_EVENT : 0u);
	if (unlikely(self))
		todo |= post_self(src, p, &fx->sent);
	if (unlikely(fx->sent.requested == 0))
		fx->sent.requested = fx->sent.dropped = 1;
	return todo;
}

u32 send_to_set(struct vapic_vm *vm, struct vapic *src, struct vapic_icr icr, u32 extra,
                struct vapic_effects *fx)
{
	struct parcel p = pack(src, icr);
	u32 todo = post_all(vm, src, p, extra, fx);

	if (p.illegal && src != NULL)
		todo |= esr_log(src, APIC_ESR_SEND_ILLEGAL);
	return todo;
}

u32 vapic_send(struct vapic_vm *vm, struct vapic *src, struct vapic_icr icr,
               struct vapic_effects *fx)
{
	route_resolve(vm, src, icr, &fx->wake);
	if (icr.mode == VAPIC_DM_LOWEST)
		arbitrate(vm, icr.vector, &fx->wake);
	return send_to_set(vm, src, icr, 0, fx);
}

u32 vapic_msi(struct vapic_vm *vm, u64 address, u32 data, struct vapic_effects *fx)
{
	if (address >> 20 != 0xfee) {
		fx->sent = (struct vapic_tally){ .requested = 1, .dropped = 1 };
		return VAPIC_SENT;
	}
	return vapic_send(vm, NULL, vapic_icr_msi(address, data), fx);
}
