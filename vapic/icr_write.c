// SPDX-License-Identifier: MIT
/*
 * The guest writes its ICR. A fixed interrupt to one vCPU is by far the most frequent, and is done
 * here in a few dozen instructions; all else goes the general way, which gives the same results.
 */
#include "vapic/mail.h"

#define ONE_POSTED    ((struct vapic_tally){ .requested = 1, .posted = 1 })
#define ONE_COALESCED ((struct vapic_tally){ .requested = 1, .coalesced = 1 })

/* Fixed, physical, no shorthand: what these bits of the ICR are if all are 0. */
#define NOT_PLAIN (APIC_ICR_MODE | APIC_ICR_LOGICAL | APIC_ICR_SHORTHAND)

static ALWAYS_INLINE u32 to_one(u32 i, enum posted posted, struct vapic_effects *fx)
{
	if (unlikely(posted == POSTED_TWICE)) {
		fx->sent = ONE_COALESCED;
		return VAPIC_SENT;
	}
	fx->sent = ONE_POSTED;
	if (posted == POSTED_QUIET)
		return VAPIC_SENT;
	vapic_set_only(&fx->wake, i);
	return VAPIC_SENT | VAPIC_WAKE;
}

static ALWAYS_INLINE u32 to_self(struct vapic *a, u32 vector, struct vapic_effects *fx)
{
	if (irr_set(a, vector, false))
		fx->sent = ONE_COALESCED;
	else
		fx->sent = ONE_POSTED;
	return VAPIC_SENT | VAPIC_SELF;
}

/* True if done. False: nothing was done, take the general way. */
static ALWAYS_INLINE bool shortcut(struct vapic *a, u32 low, u32 dest, struct vapic_effects *fx,
                                   u32 *todo)
{
	struct vapic_vm *vm = a->vm;
	u32 vector = low & 0xff;
	u32 i;

	if (unlikely(vector < APIC_FIRST_VECTOR))
		return false;
	if (unlikely((low & NOT_PLAIN) != 0)) {
		if ((low & (APIC_ICR_MODE | APIC_ICR_SHORTHAND)) != APIC_ICR_SELF ||
		    !apic_enabled(a))
			return false;
		*todo = to_self(a, vector, fx);
		return true;
	}
	i = vapic_index(vm, dest);
	if (unlikely(i == VAPIC_NONE) || unlikely(i == a->index) ||
	    unlikely(!(atomic_load_relaxed(&vm->route[i]) & VAPIC_ROUTE_ENABLED)))
		return false;
	*todo = to_one(i, mail_post_vector(&vm->apic[i]->mail, vector, false), fx);
	return true;
}

u32 vapic_icr_write64(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	u32 todo;

	if (unlikely(!(a->base & APIC_BASE_EXTD)) || unlikely((u32)value & VAPIC_ICR_RESERVED))
		return VAPIC_GP;
	a->reg[APIC_ICR / 4] = (u32)value;
	a->reg[APIC_ICR_HIGH / 4] = (u32)(value >> 32);
	if (likely(shortcut(a, (u32)value, (u32)(value >> 32), fx, &todo)))
		return todo;
	return vapic_send(a->vm, a, vapic_icr_x2apic(value), fx);
}

u32 vapic_icr_write_low(struct vapic *a, u32 low, struct vapic_effects *fx)
{
	u32 high = a->reg[APIC_ICR_HIGH / 4];
	u32 todo;

	a->reg[APIC_ICR / 4] = low & APIC_ICR_WRITABLE;
	/* 0xff is everybody, though somebody may have that ID in x2APIC mode. */
	if (likely(high >> 24 != 0xff) && likely(shortcut(a, low, high >> 24, fx, &todo)))
		return todo;
	return vapic_send(a->vm, a, vapic_icr_xapic(low, high), fx);
}

u32 vapic_self_ipi(struct vapic *a, u64 value, struct vapic_effects *fx)
{
	if (!(a->base & APIC_BASE_EXTD) || value > 0xff)
		return VAPIC_GP;
	if (likely(value >= APIC_FIRST_VECTOR) && likely(apic_enabled(a)))
		return to_self(a, (u32)value, fx);
	return vapic_send(a->vm, a, vapic_icr_x2apic((u32)value | APIC_ICR_SELF), fx);
}
