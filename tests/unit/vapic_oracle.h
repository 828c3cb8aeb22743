/* SPDX-License-Identifier: MIT */
/*
 * A second local APIC, slow and plain, that the tests hold the model against. It is written from
 * the SDM's text and docs/vapic.md in another style on purpose: one bool for each vector, one
 * switch for each question, no table, no summary, no bitmap, 128-bit time. It shares no code with
 * vapic/, only the interface's names for what is returned.
 */
#ifndef TESTS_UNIT_VAPIC_ORACLE_H
#define TESTS_UNIT_VAPIC_ORACLE_H

#include <string.h>

#include "vapic/vapic.h"

#define ORACLE_VCPUS 80
/* A test uses what it needs; the fuzzer's build also says that it is not to be instrumented. */
#ifndef UNUSED
#define UNUSED __attribute__((unused))
#endif

typedef unsigned __int128 u128;
#define ORACLE_END_OF_TIME (((u128)1 << 64) - 1)

/* LVT entries by this order. */
enum { O_CMCI, O_TIMER, O_THERMAL, O_PMI, O_LINT0, O_LINT1, O_ERROR, O_LVTS };

struct oapic {
	u32 id;
	u64 base;
	bool irr[256], isr[256], tmr[256];
	u32 tpr, ldr, dfr, svr, esr, icr_low, icr_high, tmict, tdcr, lvt[O_LVTS];
	u32 errors;
	bool armed;

	bool mail[256], mail_level[256], on;
	bool nmi, init, sipi, extint, illegal;
	u8 sipi_vector;

	bool running; /* the timer */
	u128 due, period;
};

struct oracle {
	u32 count, features, phys_bits;
	struct oapic apic[ORACLE_VCPUS];
};

/* What a call is expected to return. */
struct expect {
	u32 todo;
	struct vapic_tally sent;
	bool wake[ORACLE_VCPUS];
	u8 eoi_vector;
};

static UNUSED enum vapic_mode o_mode(const struct oapic *o)
{
	if (!(o->base & 0x800))
		return VAPIC_DISABLED;
	return o->base & 0x400 ? VAPIC_X2APIC : VAPIC_XAPIC;
}

static UNUSED bool o_soft(const struct oapic *o)
{
	return (o->svr >> 8 & 1) == 1;
}

static UNUSED void o_registers_after_init(struct oapic *o)
{
	memset(o->irr, 0, sizeof(o->irr));
	memset(o->isr, 0, sizeof(o->isr));
	memset(o->tmr, 0, sizeof(o->tmr));
	memset(o->mail, 0, sizeof(o->mail));
	o->tpr = o->ldr = o->esr = o->icr_low = o->icr_high = o->tmict = o->tdcr = o->errors = 0;
	o->dfr = 0xffffffff;
	o->svr = 0xff;
	o->armed = true;
	for (int i = 0; i < O_LVTS; i++)
		o->lvt[i] = 0x10000;
	o->running = false;
	if (o_mode(o) == VAPIC_X2APIC)
		o->ldr = (o->id / 16 % 65536) * 65536 + (1u << (o->id % 16));
}

static UNUSED void o_reset(struct oapic *o, bool bsp)
{
	o->base = 0xfee00800 + (bsp ? 0x100 : 0);
	o_registers_after_init(o);
	o->nmi = o->init = o->sipi = o->extint = o->illegal = false;
}

static UNUSED int o_highest(const bool *bits)
{
	for (int v = 255; v >= 0; v--) {
		if (bits[v])
			return v;
	}
	return -1;
}

static UNUSED u32 o_ppr(const struct oapic *o)
{
	int v = o_highest(o->isr);
	u32 isrv = v < 0 ? 0 : (u32)v;

	if (o->tpr / 16 >= isrv / 16)
		return o->tpr;
	return isrv / 16 * 16;
}

static UNUSED u32 o_apr(const struct oapic *o)
{
	u32 isrv = o_highest(o->isr) < 0 ? 0 : (u32)o_highest(o->isr);
	u32 irrv = o_highest(o->irr) < 0 ? 0 : (u32)o_highest(o->irr);
	u32 max = 0;

	if (o->tpr / 16 >= irrv / 16 && o->tpr / 16 > isrv / 16)
		return o->tpr;
	if (o->tpr / 16 > max)
		max = o->tpr / 16;
	if (isrv / 16 > max)
		max = isrv / 16;
	if (irrv / 16 > max)
		max = irrv / 16;
	return max * 16;
}

/* The vector the processor would take: walk down the classes as the SDM tells it. */
static UNUSED int o_next(const struct oapic *o)
{
	int v = o_highest(o->irr);

	if (v < 0 || (u32)v / 16 <= o_ppr(o) / 16)
		return -1;
	return v;
}

static UNUSED u32 o_threshold(const struct oapic *o)
{
	struct oapic lower = *o;
	int v = o_highest(o->irr);

	/* Held back, and it would not be if TPR were 0? */
	if (v < 0 || o_next(o) >= 0)
		return 0;
	lower.tpr = 0;
	return o_next(&lower) >= 0 ? (u32)v / 16 : 0;
}

static UNUSED u32 o_error(struct oapic *o, u32 bit)
{
	o->errors |= bit;
	if (!o->armed || (o->lvt[O_ERROR] & 0x10000))
		return 0;
	o->armed = false;
	if (o->lvt[O_ERROR] % 256 < 16) {
		o->errors |= 0x40;
		return 0;
	}
	o->irr[o->lvt[O_ERROR] % 256] = true;
	o->tmr[o->lvt[O_ERROR] % 256] = false;
	return VAPIC_SELF;
}

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

/* INIT makes a SIPI that waits void; that alone is a change of what the target will see. */
static UNUSED enum o_posted o_post_init(struct oapic *o)
{
	bool changed = o->sipi;
	enum o_posted posted;

	o->sipi = false;
	posted = o_post_event(o, &o->init);
	if (changed)
		return O_POSTED;
	return posted;
}

/* Is target t of vCPU number i among those the message names? */
static UNUSED bool o_named(const struct oapic *t, int i, int src, struct vapic_icr m)
{
	bool wide = (m.flags & VAPIC_ICR_WIDE) != 0;
	u32 cluster;

	if (o_mode(t) == VAPIC_DISABLED)
		return false;
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
	    (level && !assert && (m.mode == VAPIC_DM_INIT || src < 0)) || (fixed && !o_soft(t))) {
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
		named[i] = o_named(&vm->apic[i], (int)i, src, m);
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
		if (named[i] && o_mode(&vm->apic[i]) != VAPIC_DISABLED)
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

static UNUSED bool o_irr_empty(const struct oapic *o)
{
	return o_highest(o->irr) < 0;
}

static UNUSED void o_eoi(struct oapic *o, struct expect *e)
{
	int v = o_highest(o->isr);

	if (v < 0)
		return;
	o->isr[v] = false;
	if (!o_irr_empty(o))
		e->todo |= VAPIC_SELF;
	if (!o->tmr[v])
		return;
	for (int pin = O_LINT0; pin <= O_LINT1; pin++) {
		if (o->lvt[pin] % 256 == (u32)v)
			o->lvt[pin] &= ~0x4000u;
	}
	if (!(o->svr & 0x1000)) {
		e->todo |= VAPIC_EOI;
		e->eoi_vector = (u8)v;
	}
}

static UNUSED u32 o_raise(struct oapic *o, int lvt)
{
	u32 entry = o->lvt[lvt];
	u32 vector = entry % 256;
	bool level = (lvt == O_LINT0 || lvt == O_LINT1) && (entry & 0x8000);

	if (entry & 0x10000)
		return 0;
	if (lvt == O_PMI)
		o->lvt[lvt] |= 0x10000;
	switch (entry / 256 % 8) {
	case VAPIC_DM_FIXED:
		if (vector < 16)
			return o_error(o, 0x40);
		if (level && (entry & 0x4000))
			return 0;
		if (level)
			o->lvt[lvt] |= 0x4000;
		o->irr[vector] = true;
		o->tmr[vector] = level;
		return VAPIC_SELF;
	case VAPIC_DM_NMI:
		(void)o_post_event(o, &o->nmi);
		return VAPIC_SELF | VAPIC_EVENT;
	case VAPIC_DM_INIT:
		(void)o_post_init(o);
		return VAPIC_SELF | VAPIC_EVENT;
	case VAPIC_DM_EXTINT:
		(void)o_post_event(o, &o->extint);
		return VAPIC_SELF | VAPIC_EVENT;
	default:
		return 0;
	}
}

/* --- the timer --- */

static UNUSED u32 o_divisor(const struct oapic *o)
{
	switch (o->tdcr & 11) {
	case 0:
		return 2;
	case 1:
		return 4;
	case 2:
		return 8;
	case 3:
		return 16;
	case 8:
		return 32;
	case 9:
		return 64;
	case 10:
		return 128;
	default:
		return 1;
	}
}

static UNUSED u32 o_timer_mode(const struct oapic *o)
{
	return o->lvt[O_TIMER] / 0x20000 % 4;
}

static UNUSED u128 o_cap(u128 t)
{
	return t > ORACLE_END_OF_TIME ? ORACLE_END_OF_TIME : t;
}

static UNUSED u32 o_count(const struct oapic *o, u64 now)
{
	u128 left, count;

	if (!o->running || o_timer_mode(o) >= 2)
		return 0;
	if (now < o->due)
		left = o->due - now;
	else if (o_timer_mode(o) == 0)
		return 0;
	else
		left = o->period - (now - o->due) % o->period;
	count = (left + o_divisor(o) - 1) / o_divisor(o);
	return count > o->tmict ? o->tmict : (u32)count;
}

static UNUSED u64 o_deadline(const struct oapic *o)
{
	return o->running ? (u64)o->due : VAPIC_NEVER;
}

static UNUSED u32 o_expire(struct oapic *o, u64 now)
{
	if (!o->running || now < o->due)
		return 0;
	if (o_timer_mode(o) == 1) {
		/* Step by step where that takes less than for ever. */
		if ((now - o->due) / o->period > 5000)
			o->due += (now - o->due) / o->period * o->period;
		while (o->due <= now)
			o->due += o->period;
		o->due = o_cap(o->due);
	} else {
		o->running = false;
	}
	return o_raise(o, O_TIMER) | VAPIC_TIMER;
}

/* --- registers --- */

static UNUSED u32 o_word(const bool *bits, u32 offset)
{
	u32 v = offset / 16 % 8 * 32;
	u32 word = 0;

	for (u32 k = 0; k < 32; k++)
		word += bits[v + k] ? 1u << k : 0;
	return word;
}

/* Name of what lies at an offset of the page, as both modes know it. */
static UNUSED bool o_in_page(u32 offset)
{
	switch (offset) {
	case 0x20:
	case 0x30:
	case 0x80:
	case 0x90:
	case 0xa0:
	case 0xb0:
	case 0xc0:
	case 0xd0:
	case 0xe0:
	case 0xf0:
	case 0x100 ... 0x28f:
	case 0x2f0:
	case 0x300:
	case 0x310:
	case 0x320:
	case 0x330:
	case 0x340:
	case 0x350:
	case 0x360:
	case 0x370:
	case 0x380:
	case 0x390:
	case 0x3e0:
		return true;
	default:
		return false;
	}
}

static UNUSED int o_lvt_at(u32 offset)
{
	switch (offset) {
	case 0x2f0:
		return O_CMCI;
	case 0x320:
		return O_TIMER;
	case 0x330:
		return O_THERMAL;
	case 0x340:
		return O_PMI;
	case 0x350:
		return O_LINT0;
	case 0x360:
		return O_LINT1;
	case 0x370:
		return O_ERROR;
	default:
		return -1;
	}
}

static UNUSED u32 o_read(const struct oracle *vm, const struct oapic *o, u32 offset, u64 now)
{
	bool irr[256];

	if (o_lvt_at(offset) >= 0)
		return o->lvt[o_lvt_at(offset)];
	switch (offset) {
	case 0x20:
		return o_mode(o) == VAPIC_X2APIC ? o->id : o->id << 24;
	case 0x30:
		return vm->features & VAPIC_HAS_EOI_SUPPRESS ? 0x01060015 : 0x00060015;
	case 0x80:
		return o->tpr;
	case 0x90:
		return o_apr(o);
	case 0xa0:
		return o_ppr(o);
	case 0xd0:
		return o->ldr;
	case 0xe0:
		return o->dfr;
	case 0xf0:
		return o->svr;
	case 0x100 ... 0x17f:
		return o_word(o->isr, offset);
	case 0x180 ... 0x1ff:
		return o_word(o->tmr, offset);
	case 0x200 ... 0x27f:
		for (int v = 0; v < 256; v++)
			irr[v] = o->irr[v] || (o_soft(o) && o->mail[v]);
		return o_word(irr, offset);
	case 0x280:
		return o->esr;
	case 0x300:
		return o->icr_low;
	case 0x310:
		return o->icr_high;
	case 0x380:
		return o->tmict;
	case 0x390:
		return o_count(o, now);
	case 0x3e0:
		return o->tdcr;
	default:
		return 0;
	}
}

/* Bits that software may set in an LVT entry. */
static UNUSED u32 o_lvt_bits(const struct oracle *vm, int lvt)
{
	switch (lvt) {
	case O_TIMER:
		return vm->features & VAPIC_HAS_DEADLINE ? 0x700ff : 0x300ff;
	case O_ERROR:
		return 0x100ff;
	case O_LINT0:
	case O_LINT1:
		return 0x1a7ff;
	default:
		return 0x107ff;
	}
}

static UNUSED u32 o_svr_bits(const struct oracle *vm)
{
	return vm->features & VAPIC_HAS_EOI_SUPPRESS ? 0x13ff : 0x3ff;
}

static UNUSED void o_set_lvt(struct oracle *vm, struct oapic *o, int lvt, u32 value,
                             struct expect *e)
{
	u32 old_mode = o_timer_mode(o);
	u32 new = value &o_lvt_bits(vm, lvt);

	if (!o_soft(o))
		new |= 0x10000;
	if ((lvt == O_LINT0 || lvt == O_LINT1) && (new & 0x8000) && (o->lvt[lvt] & 0x4000))
		new |= 0x4000;
	o->lvt[lvt] = new;
	if (lvt != O_TIMER)
		return;
	e->todo |= VAPIC_TIMER;
	if (old_mode != o_timer_mode(o) && (old_mode > 1 || o_timer_mode(o) > 1)) {
		o->running = false;
		o->tmict = 0;
	}
}

static UNUSED void o_set_svr(struct oracle *vm, struct oapic *o, u32 value, struct expect *e)
{
	bool was = o_soft(o);

	o->svr = value & o_svr_bits(vm);
	e->todo |= was != o_soft(o) ? VAPIC_MODE : 0u;
	if (!was || o_soft(o))
		return;
	for (int i = 0; i < O_LVTS; i++)
		o->lvt[i] |= 0x10000;
	for (int v = 0; v < 256; v++) {
		if (!o->mail[v])
			continue;
		o->mail[v] = false;
		o->irr[v] = true;
		o->tmr[v] = o->mail_level[v];
	}
	if (!o_irr_empty(o))
		e->todo |= VAPIC_SELF;
}

static UNUSED void o_set_divisor(struct oapic *o, u32 value, u64 now, struct expect *e)
{
	u32 count = o_count(o, now);

	o->tdcr = value & 11;
	if (!o->running || o_timer_mode(o) >= 2)
		return;
	e->todo |= VAPIC_TIMER;
	o->period = (u128)o->tmict * o_divisor(o);
	if (now < o->due)
		o->due = o_cap(now + (u128)count * o_divisor(o));
}

static UNUSED void o_set_count(struct oapic *o, u32 value, u64 now, struct expect *e)
{
	if (o_timer_mode(o) >= 2)
		return;
	e->todo |= VAPIC_TIMER;
	o->tmict = value;
	o->running = value != 0;
	o->period = (u128)value * o_divisor(o);
	o->due = o_cap(now + o->period);
}

/* A write that is allowed; value is what the register's bits get. */
static UNUSED void o_write(struct oracle *vm, int i, u32 offset, u32 value, u64 now,
                           struct expect *e)
{
	struct oapic *o = &vm->apic[i];

	if (o_lvt_at(offset) >= 0) {
		o_set_lvt(vm, o, o_lvt_at(offset), value, e);
		return;
	}
	switch (offset) {
	case 0x80:
		o->tpr = value % 256;
		if (!o_irr_empty(o))
			e->todo |= VAPIC_SELF;
		break;
	case 0xb0:
		o_eoi(o, e);
		break;
	case 0xd0:
		o->ldr = value & 0xff000000;
		break;
	case 0xe0:
		o->dfr = value | 0x0fffffff;
		break;
	case 0xf0:
		o_set_svr(vm, o, value, e);
		break;
	case 0x280:
		o->esr = o->errors;
		o->errors = 0;
		o->armed = true;
		break;
	case 0x300:
		o->icr_low = value & 0xccfff;
		o_send(vm, i, o_icr(value, o->icr_high >> 24, false), e);
		break;
	case 0x310:
		o->icr_high = value & 0xff000000;
		break;
	case 0x380:
		o_set_count(o, value, now, e);
		break;
	case 0x3e0:
		o_set_divisor(o, value, now, e);
		break;
	default:
		break;
	}
}

static UNUSED void o_mmio_write(struct oracle *vm, int i, u32 offset, u32 size, u64 value, u64 now,
                                struct expect *e)
{
	struct oapic *o = &vm->apic[i];

	if (o_mode(o) != VAPIC_XAPIC)
		e->todo = VAPIC_MISS;
	else if (!o_in_page(offset / 16 * 16))
		e->todo = o_error(o, 0x80);
	else if (offset % 16 == 0 && size >= 4)
		o_write(vm, i, offset, (u32)value, now, e);
}

static UNUSED u64 o_mmio_read(struct oracle *vm, int i, u32 offset, u32 size, u64 now,
                              struct expect *e)
{
	struct oapic *o = &vm->apic[i];
	u8 bytes[16] = { 0 };
	u64 value = 0;
	u32 word;

	if (o_mode(o) != VAPIC_XAPIC) {
		e->todo = VAPIC_MISS;
		return ~0ull;
	}
	if (!o_in_page(offset / 16 * 16)) {
		e->todo = o_error(o, 0x80);
		return 0;
	}
	word = o_read(vm, o, offset / 16 * 16, now);
	for (u32 k = 0; k < 4; k++)
		bytes[k] = (u8)(word >> (k * 8));
	for (u32 k = 0; k < size && offset % 16 + k < 16; k++)
		value |= (u64)bytes[offset % 16 + k] << (k * 8);
	return value;
}

static UNUSED bool o_msr_readable(u32 msr)
{
	switch (msr) {
	case 0x802:
	case 0x803:
	case 0x808:
	case 0x80a:
	case 0x80d:
	case 0x80f:
	case 0x810 ... 0x828:
	case 0x82f:
	case 0x830:
	case 0x832 ... 0x839:
	case 0x83e:
		return true;
	default:
		return false;
	}
}

static UNUSED bool o_msr_read(struct oracle *vm, int i, u32 msr, u64 now, u64 *value)
{
	struct oapic *o = &vm->apic[i];

	if (msr == 0x1b) {
		*value = o->base;
		return true;
	}
	if (msr == 0x6e0 && (vm->features & VAPIC_HAS_DEADLINE)) {
		*value = o_timer_mode(o) == 2 && o->running ? (u64)o->due : 0;
		return true;
	}
	if (o_mode(o) != VAPIC_X2APIC || !o_msr_readable(msr))
		return false;
	*value = o_read(vm, o, (msr - 0x800) * 16, now);
	if (msr == 0x830)
		*value |= (u64)o->icr_high << 32;
	return true;
}

/* Bits that WRMSR may set without #GP; false: there is nothing to write. */
static UNUSED bool o_msr_bits(const struct oracle *vm, u32 msr, u64 *bits)
{
	int lvt = o_lvt_at((msr - 0x800) * 16);

	if (lvt >= 0) {
		*bits = o_lvt_bits(vm, lvt) | 0x1000;
		if (lvt == O_LINT0 || lvt == O_LINT1)
			*bits |= 0x4000;
		return true;
	}
	switch (msr) {
	case 0x808:
	case 0x83f:
		*bits = 0xff;
		return true;
	case 0x80b:
	case 0x828:
		*bits = 0;
		return true;
	case 0x80f:
		*bits = o_svr_bits(vm);
		return true;
	case 0x830:
		*bits = 0xffffffff000ccfff;
		return true;
	case 0x838:
		*bits = 0xffffffff;
		return true;
	case 0x83e:
		*bits = 11;
		return true;
	default:
		return false;
	}
}

static UNUSED void o_base_write(struct oracle *vm, int i, u64 value, struct expect *e)
{
	struct oapic *o = &vm->apic[i];
	enum vapic_mode old = o_mode(o);
	u64 allowed = 0xd00;
	bool enable = (value & 0x800) != 0;
	bool extend = (value & 0x400) != 0;
	bool legal = true;

	for (u32 bit = 12; bit < vm->phys_bits; bit++)
		allowed |= 1ull << bit;
	if (!(vm->features & VAPIC_HAS_X2APIC))
		allowed &= ~0x400ull;
	if ((value & ~allowed) != 0 || (extend && !enable))
		legal = false;
	if (old == VAPIC_X2APIC && enable && !extend)
		legal = false;
	if (old == VAPIC_DISABLED && extend)
		legal = false;
	if (!legal) {
		e->todo = VAPIC_GP;
		return;
	}
	e->todo = VAPIC_MODE | VAPIC_TIMER;
	o->base = value;
	if (old == VAPIC_XAPIC && extend) {
		o->icr_high = 0;
		o->ldr = (o->id / 16 % 65536) * 65536 + (1u << (o->id % 16));
	}
	if (old != VAPIC_DISABLED && !enable) {
		bool mail[256];

		memcpy(mail, o->mail, sizeof(mail));
		o_registers_after_init(o);
		memcpy(o->mail, mail, sizeof(mail));
	}
}

static UNUSED void o_msr_write(struct oracle *vm, int i, u32 msr, u64 value, u64 now,
                               struct expect *e)
{
	struct oapic *o = &vm->apic[i];
	u64 bits;

	if (msr == 0x1b) {
		o_base_write(vm, i, value, e);
		return;
	}
	if (msr == 0x6e0 && (vm->features & VAPIC_HAS_DEADLINE)) {
		if (o_timer_mode(o) == 2) {
			o->running = value != 0;
			o->due = value;
			e->todo = VAPIC_TIMER;
		}
		return;
	}
	if (o_mode(o) != VAPIC_X2APIC || !o_msr_bits(vm, msr, &bits) || (value & ~bits) != 0) {
		e->todo = VAPIC_GP;
		return;
	}
	if (msr == 0x830) {
		o->icr_low = (u32)value;
		o->icr_high = (u32)(value >> 32);
		o_send(vm, i, o_icr((u32)value, (u32)(value >> 32), true), e);
	} else if (msr == 0x83f) {
		o_send(vm, i, o_icr((u32)value | 0x40000, 0, true), e);
	} else {
		o_write(vm, i, (msr - 0x800) * 16, (u32)value, now, e);
	}
}

#endif
