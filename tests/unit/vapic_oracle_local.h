/* SPDX-License-Identifier: MIT */
/* The oracle: EOI, local interrupts, the timer. */
#ifndef TESTS_UNIT_VAPIC_ORACLE_LOCAL_H
#define TESTS_UNIT_VAPIC_ORACLE_LOCAL_H

#include "tests/unit/vapic_oracle_send.h"

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

#endif
