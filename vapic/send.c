// SPDX-License-Identifier: MIT
/* From a message to mailboxes. */
#include "vapic/mail.h"

/* What a delivery mode does to a target. */
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

/* One message, reduced to what each target gets. */
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
		/* The ICR's trigger mode means something for INIT alone; a device's always does. */
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

static ALWAYS_INLINE enum posted post(struct vapic *target, const struct parcel *p, enum act act)
{
	if (act == ACT_VECTOR)
		return mail_post_vector(&target->mail, p->vector, p->level);
	return mail_post_event(&target->mail, p->event);
}

/* Counts what became of one posting. */
static ALWAYS_INLINE void tally(struct vapic_tally *t, const struct parcel *p, enum posted posted)
{
	if (unlikely(p->illegal))
		t->dropped++;
	else if (unlikely(posted == POSTED_TWICE))
		t->coalesced++;
	else
		t->posted++;
}

/*
 * Posts to each vCPU of the set, which shrinks to those to wake. True if there is one. `act` is
 * p->act as a constant, so that each kind has a loop of its own.
 */
static ALWAYS_INLINE bool post_set(struct vapic_vm *vm, const struct parcel *p, enum act act,
                                   struct vapic_set *set, struct vapic_tally *t)
{
	u64 any = 0;

	for (u32 w = set->first; w < set->last; w++) {
		u64 wake = 0;

		for (u64 bits = set->word[w]; bits != 0; bits &= bits - 1) {
			u32 i = w * 64 + bit_lowest(bits);
			u64 r = atomic_load_relaxed(&vm->route[i]);
			enum posted posted;

			if (unlikely(!(r & VAPIC_ROUTE_PRESENT)))
				continue;
			t->requested++;
			if (unlikely(!(r & p->needs)) || act == ACT_DROP) {
				t->dropped++;
				continue;
			}
			posted = post(vm->apic[i], p, act);
			tally(t, p, posted);
			if (posted == POSTED_WAKE)
				wake |= bits & -bits;
		}
		set->word[w] = wake;
		any |= wake;
	}
	return any != 0;
}

static NOINLINE bool post_events(struct vapic_vm *vm, const struct parcel *p, struct vapic_set *set,
                                 struct vapic_tally *t)
{
	return post_set(vm, p, ACT_EVENT, set, t);
}

static NOINLINE bool post_nothing(struct vapic_vm *vm, const struct parcel *p,
                                  struct vapic_set *set, struct vapic_tally *t)
{
	return post_set(vm, p, ACT_DROP, set, t);
}

/* The sender's own copy. Its registers are at hand, so that a vector goes straight into IRR. */
static u32 post_self(struct vapic *a, const struct parcel *p, struct vapic_tally *t)
{
	enum posted posted;

	if (vapic_mode(a) == VAPIC_DISABLED)
		return 0;
	t->requested++;
	if (p->act == ACT_DROP || (p->needs == VAPIC_ROUTE_ENABLED && !apic_enabled(a))) {
		t->dropped++;
		return 0;
	}
	if (p->act == ACT_VECTOR) {
		posted = irr_set(a, p->vector, p->level) ? POSTED_TWICE : POSTED_QUIET;
		tally(t, p, posted);
		return VAPIC_SELF;
	}
	tally(t, p, mail_post_event(&a->mail, p->event));
	return VAPIC_SELF | VAPIC_EVENT;
}

u32 send_to_set(struct vapic_vm *vm, struct vapic *src, struct vapic_icr icr, u32 extra,
                struct vapic_effects *fx)
{
	struct parcel p = pack(src, icr);
	struct vapic_tally t = { .requested = (u16)extra, .dropped = (u16)extra };
	bool self = src != NULL && vapic_set_has(&fx->wake, src->index);
	u32 todo = VAPIC_SENT;
	bool wake;

	if (self)
		vapic_set_remove(&fx->wake, src->index);
	if (likely(p.act == ACT_VECTOR))
		wake = post_set(vm, &p, ACT_VECTOR, &fx->wake, &t);
	else if (p.act == ACT_EVENT)
		wake = post_events(vm, &p, &fx->wake, &t);
	else
		wake = post_nothing(vm, &p, &fx->wake, &t);
	if (wake)
		todo |= VAPIC_WAKE | (p.act == ACT_EVENT ? VAPIC_EVENT : 0u);
	if (self)
		todo |= post_self(src, &p, &t);
	if (src != NULL && p.illegal)
		todo |= esr_log(src, APIC_ESR_SEND_ILLEGAL);
	if (unlikely(t.requested == 0))
		t.requested = t.dropped = 1;
	fx->sent = t;
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
