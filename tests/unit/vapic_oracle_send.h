/* SPDX-License-Identifier: MIT */
/* The oracle: the targets of an interrupt message, its effect on each, the mailbox. */
#ifndef TESTS_UNIT_VAPIC_ORACLE_SEND_H
#define TESTS_UNIT_VAPIC_ORACLE_SEND_H

#include "tests/unit/vapic_oracle_state.h"

static UNUSED bool o_any_event(const struct oapic *o)
{
	return o->nmi || o->init || o->sipi || o->extint || o->illegal;
}

enum o_posted { O_POSTED_WAKE, O_POSTED, O_COALESCED };

static UNUSED enum o_posted o_post_vector(struct oapic *o, u32 vector, bool level)
{
	enum o_posted posted = o->on ? O_POSTED : O_POSTED_WAKE;

	o->mail_level[vector] = level;
	if (o->mail[vector])
		return O_COALESCED;
	o->mail[vector] = true;
	o->on = true;
	return posted;
}

static UNUSED enum o_posted o_post_event(struct oapic *o, bool *event)
{
	enum o_posted posted = o_any_event(o) ? O_POSTED : O_POSTED_WAKE;

	if (*event)
		return O_COALESCED;
	*event = true;
	return posted;
}

/* INIT makes void what waits; that alone is a change of what the target will see. */
static UNUSED enum o_posted o_post_init(struct oapic *o)
{
	bool changed = o->nmi || o->sipi || o->extint || o->illegal;
	enum o_posted posted;

	o->nmi = o->sipi = o->extint = o->illegal = false;
	posted = o_post_event(o, &o->init);
	if (changed)
		return O_POSTED;
	return posted;
}

static UNUSED bool o_any_xapic(const struct oracle *vm)
{
	for (u32 i = 0; i < vm->count; i++) {
		if (o_mode(&vm->apic[i]) == VAPIC_XAPIC)
			return true;
	}
	return false;
}

/*
 * Is target t of vCPU number i among those the message names? An APIC that is off has its ID, and
 * in a group without xAPICs the logical ID that goes with it.
 */
static UNUSED bool o_named(const struct oracle *vm, int i, int src, struct vapic_icr m)
{
	const struct oapic *t = &vm->apic[i];
	bool wide = (m.flags & VAPIC_ICR_WIDE) != 0;
	u32 cluster;

	if (src >= 0) {
		switch (m.shorthand) {
		case VAPIC_TO_SELF:
			return i == src;
		case VAPIC_TO_ALL:
			return true;
		case VAPIC_TO_OTHERS:
			return i != src;
		default:
			break;
		}
	}
	if (m.dest == (wide ? 0xffffffff : 0xff))
		return true;
	if (!(m.flags & VAPIC_ICR_LOGICAL))
		return t->id == m.dest;
	if (o_mode(t) == VAPIC_DISABLED)
		return !o_any_xapic(vm) && m.dest / 65536 == t->id / 16 % 65536 &&
		       (m.dest % 65536 >> t->id % 16) % 2 != 0;
	if (o_mode(t) == VAPIC_X2APIC) {
		cluster = t->ldr / 65536;
		return m.dest / 65536 == cluster && (m.dest % 65536 & t->ldr % 65536) != 0;
	}
	if (m.dest > 0xff)
		return false;
	switch (t->dfr / 0x10000000) {
	case 15:
		return (t->ldr / 0x1000000 & m.dest) != 0;
	case 0:
		return t->ldr / 0x10000000 == m.dest / 16 &&
		       (t->ldr / 0x1000000 % 16 & m.dest % 16) != 0;
	default:
		return false;
	}
}

/* One target's share. Adds to the tally and the flags. */
static UNUSED void o_deliver(struct oracle *vm, int i, int src, struct vapic_icr m,
                             struct expect *e)
{
	struct oapic *t = &vm->apic[i];
	bool level = (m.flags & VAPIC_ICR_LEVEL) != 0;
	bool assert = (m.flags & VAPIC_ICR_ASSERT) != 0;
	bool fixed = m.mode == VAPIC_DM_FIXED || m.mode == VAPIC_DM_LOWEST;
	enum o_posted posted;

	e->sent.requested++;
	if (m.mode == VAPIC_DM_SMI || m.mode == VAPIC_DM_RESERVED ||
	    (m.mode == VAPIC_DM_EXTINT && src >= 0) ||
	    (level && !assert && (m.mode == VAPIC_DM_INIT || src < 0)) || (fixed && !o_soft(t)) ||
	    o_mode(t) == VAPIC_DISABLED) {
		e->sent.dropped++;
		return;
	}
	if (fixed && m.vector < 16) {
		posted = o_post_event(t, &t->illegal);
		e->sent.dropped++;
		if (i == src)
			e->todo |= VAPIC_SELF | VAPIC_EVENT;
		else if (posted == O_POSTED_WAKE)
			e->wake[i] = true, e->todo |= VAPIC_WAKE | VAPIC_EVENT;
		return;
	}
	if (fixed && i == src) {
		if (t->irr[m.vector])
			e->sent.coalesced++;
		else
			e->sent.posted++;
		t->irr[m.vector] = true;
		t->tmr[m.vector] = false;
		e->todo |= VAPIC_SELF;
		return;
	}
	switch (m.mode) {
	case VAPIC_DM_NMI:
		posted = o_post_event(t, &t->nmi);
		break;
	case VAPIC_DM_INIT:
		posted = o_post_init(t);
		break;
	case VAPIC_DM_SIPI:
		posted = o_post_event(t, &t->sipi);
		if (posted != O_COALESCED)
			t->sipi_vector = m.vector;
		break;
	case VAPIC_DM_EXTINT:
		posted = o_post_event(t, &t->extint);
		break;
	default:
		posted = o_post_vector(t, m.vector, level && src < 0);
		break;
	}
	if (posted == O_COALESCED)
		e->sent.coalesced++;
	else
		e->sent.posted++;
	if (i == src) {
		e->todo |= VAPIC_SELF | VAPIC_EVENT;
	} else if (posted == O_POSTED_WAKE) {
		e->wake[i] = true;
		e->todo |= fixed ? VAPIC_WAKE : VAPIC_WAKE | VAPIC_EVENT;
	}
}

static UNUSED void o_finish(struct oracle *vm, int src, struct vapic_icr m, struct expect *e)
{
	bool fixed = m.mode == VAPIC_DM_FIXED || m.mode == VAPIC_DM_LOWEST;
	bool nothing = src < 0 && (m.flags & VAPIC_ICR_LEVEL) && !(m.flags & VAPIC_ICR_ASSERT);

	if (src >= 0 && fixed && m.vector < 16 && !nothing)
		e->todo |= o_error(&vm->apic[src], 0x20);
	if (e->sent.requested == 0)
		e->sent.requested = e->sent.dropped = 1;
	e->todo |= VAPIC_SENT;
}

/* src is -1 for a device. */
static UNUSED void o_send(struct oracle *vm, int src, struct vapic_icr m, struct expect *e)
{
	bool named[ORACLE_VCPUS] = { false };
	u32 candidates = 0;
	int chosen = -1;

	for (u32 i = 0; i < vm->count; i++) {
		named[i] = o_named(vm, (int)i, src, m);
		if (named[i] && o_soft(&vm->apic[i]))
			candidates++;
	}
	if (m.mode == VAPIC_DM_LOWEST) {
		u32 skip = candidates == 0 ? 0 : m.vector % candidates;

		for (u32 i = 0; i < vm->count; i++) {
			if (named[i] && o_soft(&vm->apic[i]) && skip-- == 0)
				chosen = (int)i;
		}
	}
	for (u32 i = 0; i < vm->count; i++) {
		if (m.mode == VAPIC_DM_LOWEST ? (int)i == chosen : named[i])
			o_deliver(vm, (int)i, src, m, e);
	}
	o_finish(vm, src, m, e);
}

static UNUSED struct vapic_icr o_icr(u32 low, u32 dest, bool wide)
{
	struct vapic_icr m = { .dest = dest };

	m.vector = (u8)(low % 256);
	m.mode = low / 256 % 8;
	m.shorthand = low / 0x40000 % 4;
	if (low & 0x800)
		m.flags |= VAPIC_ICR_LOGICAL;
	if (low & 0x4000)
		m.flags |= VAPIC_ICR_ASSERT;
	if (low & 0x8000)
		m.flags |= VAPIC_ICR_LEVEL;
	if (wide)
		m.flags |= VAPIC_ICR_WIDE;
	return m;
}

/* Each set bit n of each word w is one request for APIC ID base + 64w + n. */
static UNUSED void o_send_ids(struct oracle *vm, int src, struct vapic_icr m, const u64 *words,
                              u32 nwords, u32 bits, u64 base, struct expect *e)
{
	bool named[ORACLE_VCPUS] = { false };

	for (u32 k = 0; k < nwords * bits; k++) {
		u128 id = (u128)base + k;
		bool known = false;

		if (!(words[k / bits] >> (k % bits) & 1))
			continue;
		for (u32 i = 0; i < vm->count; i++) {
			if (vm->apic[i].id == id)
				named[i] = known = true;
		}
		if (!known)
			e->sent.requested++, e->sent.dropped++;
	}
	for (u32 i = 0; i < vm->count; i++) {
		if (named[i])
			o_deliver(vm, (int)i, src, m, e);
	}
	o_finish(vm, src, m, e);
}

static UNUSED struct vapic_mailed o_pull(struct oapic *o)
{
	struct vapic_mailed r = { 0 };

	for (int v = 0; o->on && v < 256; v++) {
		if (!o->mail[v])
			continue;
		o->mail[v] = false;
		if (!o_soft(o)) {
			r.lost++;
			continue;
		}
		if (o->irr[v])
			r.folded++;
		o->irr[v] = true;
		o->tmr[v] = o->mail_level[v];
	}
	o->on = false;
	if (o->nmi)
		r.events |= VAPIC_EV_NMI;
	if (o->init)
		r.events |= VAPIC_EV_INIT;
	if (o->sipi)
		r.events |= VAPIC_EV_SIPI | (u32)o->sipi_vector << 8;
	if (o->extint)
		r.events |= VAPIC_EV_EXTINT;
	if (o->illegal)
		(void)o_error(o, 0x40);
	o->nmi = o->init = o->sipi = o->extint = o->illegal = false;
	if (r.lost != 0)
		r.events |= VAPIC_EV_LOST;
	return r;
}

#endif
