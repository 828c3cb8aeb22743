// SPDX-License-Identifier: MIT
/*
 * The timer as three numbers: when it is due, its period, its divisor. Time comes in as an
 * argument.
 *
 * A count that runs is never stored: current count = ticks left until due, divided, rounded up. In
 * deadline mode `timer_period` only says whether the deadline is armed, so that any value of the
 * MSR can be read back.
 *
 * A period below the VM's floor is carried out as the floor: a guest that asks for an interrupt at
 * every tick costs its core no more than one that asks for five thousand a second. The first
 * expiry, one-shot and deadline mode are exact, for each of them costs the guest a write.
 */
#include "vapic/regs.h"

static enum apic_timer_mode timer_mode(const struct vapic *a)
{
	return (enum apic_timer_mode)a->timer_mode;
}

/* A sum beyond the end of time never comes. */
static u64 add_capped(u64 t, u64 ticks)
{
	return t + ticks < t ? VAPIC_NEVER : t + ticks;
}

void timer_stop(struct vapic *a)
{
	a->timer_due = VAPIC_NEVER;
	a->timer_period = 0;
}

/* Ticks to the next expiry. */
static u64 ticks_left(const struct vapic *a, u64 now)
{
	if (a->timer_period == 0 || timer_mode(a) >= APIC_TIMER_DEADLINE)
		return 0;
	if (now < a->timer_due)
		return a->timer_due - now;
	if (timer_mode(a) == APIC_TIMER_ONESHOT)
		return 0;
	return a->timer_period - (now - a->timer_due) % a->timer_period;
}

static u32 count_left(const struct vapic *a, u64 now)
{
	u64 divisor = BIT(a->timer_shift);
	u64 count = (ticks_left(a, now) >> a->timer_shift) +
	            ((ticks_left(a, now) & (divisor - 1)) != 0 ? 1 : 0);

	/* More than the initial count is left only if the guest turned its TSC back. */
	return (u32)MIN(count, (u64)a->reg[APIC_TMICT / 4]);
}

u32 read_tmcct(const struct vapic *a, const struct reg_io *io)
{
	return count_left(a, io->now);
}

u32 write_tmict(struct vapic *a, const struct reg_io *io)
{
	if (timer_mode(a) >= APIC_TIMER_DEADLINE) {
		/* Ignored, and 0 it was; a processor that stores by itself has not ignored it. */
		a->reg[APIC_TMICT / 4] = 0;
		return VAPIC_OK;
	}
	a->reg[APIC_TMICT / 4] = io->value;
	timer_stop(a);
	if (io->value != 0) {
		a->timer_period = (u64)io->value << a->timer_shift;
		a->timer_due = add_capped(io->now, a->timer_period);
	}
	return VAPIC_TIMER;
}

/* The count goes on from where it is, at the new rate. An expiry not yet taken stays due. */
u32 write_tdcr(struct vapic *a, const struct reg_io *io)
{
	u64 left = count_left(a, io->now);
	u32 dcr = io->value;

	a->reg[APIC_TDCR / 4] = dcr;
	/* Bits 3,1,0: 000 is 2, 001 is 4 ... 110 is 128, 111 is 1. */
	a->timer_shift = (u8)((((dcr & 3) | (dcr >> 1 & 4)) + 1) & 7);
	if (a->timer_period == 0 || timer_mode(a) >= APIC_TIMER_DEADLINE)
		return VAPIC_OK;
	a->timer_period = (u64)a->reg[APIC_TMICT / 4] << a->timer_shift;
	if (io->now < a->timer_due)
		a->timer_due = add_capped(io->now, left << a->timer_shift);
	return VAPIC_TIMER;
}

/* SDM: going to or from deadline mode disarms. The reserved mode never runs. */
u32 timer_set_lvt(struct vapic *a, u32 entry)
{
	enum apic_timer_mode from = timer_mode(a);
	enum apic_timer_mode to = APIC_TIMER_MODE(entry);

	a->reg[APIC_TIMER / 4] = entry;
	a->timer_mode = (u8)to;
	if (from != to && (from >= APIC_TIMER_DEADLINE || to >= APIC_TIMER_DEADLINE)) {
		timer_stop(a);
		a->reg[APIC_TMICT / 4] = 0;
	}
	return VAPIC_TIMER;
}

u64 timer_deadline_read(const struct vapic *a)
{
	return timer_mode(a) == APIC_TIMER_DEADLINE && a->timer_period != 0 ? a->timer_due : 0;
}

u32 timer_deadline_write(struct vapic *a, u64 value)
{
	if (timer_mode(a) != APIC_TIMER_DEADLINE)
		return VAPIC_OK;
	timer_stop(a);
	if (value != 0) {
		a->timer_due = value;
		a->timer_period = 1;
	}
	return VAPIC_TIMER;
}

u32 vapic_timer_expire(struct vapic *a, u64 now)
{
	u64 due = a->timer_due;
	u32 todo;

	if (now < due || a->timer_period == 0)
		return VAPIC_OK;
	if (timer_mode(a) == APIC_TIMER_PERIODIC) {
		u64 period = MAX(a->timer_period, a->vm->timer_floor);
		u64 missed = (now - due) / period;

		a->timer_due = add_capped(due + missed * period, period);
	} else {
		timer_stop(a);
	}
	todo = vapic_lvt_raise(a, VAPIC_LVT_TIMER);
	return todo | VAPIC_TIMER;
}

u32 vapic_timer_rebase(struct vapic *a, u64 from, u64 to)
{
	u64 left = from < a->timer_due ? a->timer_due - from : 0;

	/* One that never comes (0 to ~0 are all times) is left alone, as is a deadline. */
	if (a->timer_due != VAPIC_NEVER && timer_mode(a) < APIC_TIMER_DEADLINE)
		a->timer_due = add_capped(to, left);
	return VAPIC_TIMER;
}
