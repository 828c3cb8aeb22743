// SPDX-License-Identifier: MIT
/* The timer by a fake clock: it is an argument, so that a test of centuries takes no time. */
#include "tests/unit/vapic_main.h"

static struct world w;
static struct vapic *a;

static void begin(void)
{
	world_init(&w, 1, false, 7);
	world_enable(&w, 0);
	a = &w.mem[0];
}

static u32 put(u32 offset, u32 value, u64 now)
{
	struct vapic_effects fx;

	return vapic_mmio_write(a, offset, 4, value, now, &fx);
}

static u32 get(u32 offset, u64 now)
{
	u64 value;

	ck_assert_uint_eq(vapic_mmio_read(a, offset, 4, now, &value), 0);
	return (u32)value;
}

#define ONESHOT  0x40u
#define PERIODIC 0x20040u
#define DEADLINE 0x40040u
#define RESERVED 0x60040u
#define FIRED    (VAPIC_SELF | VAPIC_TIMER)

/* Divide configuration, as the SDM's table has it. */
static const struct {
	u8 dcr, divisor;
} divide[] = {
	{ 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 }
};

START_TEST(divide_table)
{
	u32 d = divide[_i].divisor;

	begin();
	ck_assert_uint_eq(put(0x320, ONESHOT, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x3e0, divide[_i].dcr | 0xfffffff4, 0), 0);
	ck_assert_uint_eq(get(0x3e0, 0), divide[_i].dcr);
	ck_assert_uint_eq(put(0x380, 100, 5000), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), 5000 + 100 * d);
	for (u32 t = 0; t <= 100 * d + 10; t++) {
		u32 passed = t / d;

		ck_assert_uint_eq(get(0x390, 5000 + t), passed >= 100 ? 0 : 100 - passed);
	}
	ck_assert_uint_eq(vapic_timer_expire(a, 5000 + 100 * d - 1), 0);
	ck_assert_int_eq(vapic_next(a), -1);
	ck_assert_uint_eq(vapic_timer_expire(a, 5000 + 100 * d), FIRED);
	ck_assert_int_eq(vapic_next(a), 0x40);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_eq(vapic_timer_expire(a, ~0ull), 0);
	ck_assert_uint_eq(get(0x380, 9999), 100);
	ck_assert_uint_eq(get(0x390, 9999), 0);
}
END_TEST

START_TEST(periodic_keeps_phase)
{
	begin();
	ck_assert_uint_eq(put(0x3e0, 11, 0), 0);
	ck_assert_uint_eq(put(0x320, PERIODIC, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 1000, 7), VAPIC_TIMER);
	/* Always late by something, never by more in the end than at first. */
	for (u64 n = 1; n < 10000; n++) {
		ck_assert_uint_eq(vapic_timer_deadline(a), 7 + n * 1000);
		ck_assert_uint_eq(vapic_timer_expire(a, 7 + n * 1000 + n % 999), FIRED);
		ck_assert_uint_eq(get(0x390, 7 + n * 1000 + 250), 750);
	}
	/* Before the expiry is taken the count has begun anew already. */
	ck_assert_uint_eq(get(0x390, 7 + 10000 * 1000), 1000);
	ck_assert_uint_eq(get(0x390, 7 + 10000 * 1000 + 1), 999);
	/* A thousand years' stop: one interrupt, the same phase, no loop. */
	ck_assert_uint_eq(vapic_timer_expire(a, 7 + 94608000000ull * 100000000), FIRED);
	ck_assert_uint_eq((vapic_timer_deadline(a) - 7) % 1000, 0);
	ck_assert_uint_gt(vapic_timer_deadline(a), 7 + 94608000000ull * 100000000);
	ck_assert_uint_le(vapic_timer_deadline(a), 7 + 94608000000ull * 100000000 + 1000);
}
END_TEST

START_TEST(periodic_at_the_end_of_time)
{
	begin();
	ck_assert_uint_eq(put(0x320, PERIODIC, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x3e0, 10, 0), 0);
	ck_assert_uint_eq(put(0x380, ~0u, 0), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), 0xffffffffull * 128);
	ck_assert_uint_eq(vapic_timer_expire(a, ~0ull), FIRED);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_eq(put(0x380, ~0u, ~0ull - 10), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_le(get(0x390, ~0ull - 5), ~0u);
	ck_assert_uint_eq(vapic_timer_expire(a, ~0ull - 1), 0);
}
END_TEST

/* Periods below the floor are the floor; the first expiry, longer periods and one-shot are exact.
 */
START_TEST(periods_have_a_floor)
{
	begin();
	a->vm->timer_floor = 5000;
	ck_assert_uint_eq(put(0x3e0, 11, 0), 0);
	ck_assert_uint_eq(put(0x320, PERIODIC, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 1, 100), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), 101);
	for (u64 due = 101; due < 100000; due += 5000) {
		ck_assert_uint_eq(vapic_timer_expire(a, due + 30), FIRED);
		ck_assert_uint_eq(vapic_timer_deadline(a), due + 5000);
		ck_assert_uint_le(get(0x390, due + 30), 1);
		ck_assert_int_eq(vapic_next(a), 0x40);
	}
	ck_assert_uint_eq(put(0x380, 5001, 200000), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_expire(a, 205001), FIRED);
	ck_assert_uint_eq(vapic_timer_deadline(a), 210002);
	ck_assert_uint_eq(put(0x320, ONESHOT, 206000), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 1, 206000), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), 206001);
}
END_TEST

START_TEST(zero_stops)
{
	begin();
	ck_assert_uint_eq(put(0x320, PERIODIC, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 50, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 0, 10), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_eq(get(0x390, 10), 0);
	ck_assert_uint_eq(vapic_timer_expire(a, 1000000), 0);
}
END_TEST

START_TEST(masked_timer_runs_silently)
{
	begin();
	ck_assert_uint_eq(put(0x320, PERIODIC | 0x10000, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 50, 0), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_expire(a, 100), VAPIC_TIMER);
	ck_assert_int_eq(vapic_next(a), -1);
	ck_assert_uint_eq(vapic_timer_deadline(a), 200);
	ck_assert_uint_eq(put(0x320, PERIODIC, 150), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_expire(a, 200), FIRED);
}
END_TEST

START_TEST(one_shot_to_periodic_while_it_runs)
{
	begin();
	ck_assert_uint_eq(put(0x320, ONESHOT, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 50, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x320, PERIODIC, 30), VAPIC_TIMER);
	ck_assert_uint_eq(get(0x390, 30), 35);
	ck_assert_uint_eq(vapic_timer_expire(a, 100), FIRED);
	ck_assert_uint_eq(vapic_timer_deadline(a), 200);
	ck_assert_uint_eq(put(0x320, ONESHOT, 150), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_expire(a, 200), FIRED);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	/* What has run out does not start again by itself. */
	ck_assert_uint_eq(put(0x320, PERIODIC, 250), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
}
END_TEST

START_TEST(divisor_change_keeps_the_count)
{
	begin();
	ck_assert_uint_eq(put(0x320, PERIODIC, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 100, 0), VAPIC_TIMER); /* by 2: due at 200 */
	ck_assert_uint_eq(get(0x390, 60), 70);
	ck_assert_uint_eq(put(0x3e0, 3, 60), VAPIC_TIMER);
	ck_assert_uint_eq(get(0x390, 60), 70);
	ck_assert_uint_eq(vapic_timer_deadline(a), 60 + 70 * 16);
	ck_assert_uint_eq(vapic_timer_expire(a, 60 + 70 * 16), FIRED);
	ck_assert_uint_eq(vapic_timer_deadline(a), 60 + 170 * 16);
	/* An expiry that is due but not yet taken is not lost. */
	ck_assert_uint_eq(put(0x3e0, 0, 5000), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_expire(a, 5000), FIRED);
}
END_TEST

static u64 read_deadline(void)
{
	u64 value;

	ck_assert_uint_eq(vapic_msr_read(a, 0x6e0, 0, &value), 0);
	return value;
}

static u32 write_deadline(u64 value)
{
	struct vapic_effects fx;

	return vapic_msr_write(a, 0x6e0, value, 0, &fx);
}

START_TEST(deadline_mode)
{
	begin();
	/* In the other modes the MSR is dead. */
	ck_assert_uint_eq(write_deadline(500), 0);
	ck_assert_uint_eq(read_deadline(), 0);
	ck_assert_uint_eq(put(0x380, 100, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x320, DEADLINE, 0), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_eq(get(0x380, 0), 0);
	ck_assert_uint_eq(write_deadline(500), VAPIC_TIMER);
	ck_assert_uint_eq(read_deadline(), 500);
	ck_assert_uint_eq(vapic_timer_deadline(a), 500);
	/* Counting registers are dead in turn. */
	ck_assert_uint_eq(put(0x380, 7, 0), 0);
	ck_assert_uint_eq(get(0x380, 0), 0);
	ck_assert_uint_eq(get(0x390, 100), 0);
	ck_assert_uint_eq(put(0x3e0, 9, 100), 0);
	ck_assert_uint_eq(vapic_timer_expire(a, 499), 0);
	ck_assert_uint_eq(vapic_timer_expire(a, 500), FIRED);
	ck_assert_uint_eq(read_deadline(), 0);
	ck_assert_uint_eq(vapic_timer_expire(a, 501), 0);
	/* Past deadlines fire at once; 0 disarms; the last value there is comes at the very end. */
	ck_assert_uint_eq(write_deadline(1), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_expire(a, 900), FIRED);
	ck_assert_uint_eq(write_deadline(1000), VAPIC_TIMER);
	ck_assert_uint_eq(write_deadline(0), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_eq(vapic_timer_expire(a, ~0ull), 0);
	ck_assert_uint_eq(write_deadline(~0ull), VAPIC_TIMER);
	ck_assert_uint_eq(read_deadline(), ~0ull);
	ck_assert_uint_eq(vapic_timer_expire(a, ~0ull - 1), 0);
	/* Leaving the mode disarms. */
	ck_assert_uint_eq(write_deadline(2000), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x320, ONESHOT, 1000), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_eq(put(0x320, DEADLINE, 1000), VAPIC_TIMER);
	ck_assert_uint_eq(read_deadline(), 0);
	/* Writing the entry without a change of mode does not. */
	ck_assert_uint_eq(write_deadline(2000), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x320, DEADLINE | 0x10000, 1000), VAPIC_TIMER);
	ck_assert_uint_eq(read_deadline(), 2000);
}
END_TEST

START_TEST(reserved_mode_never_runs)
{
	begin();
	ck_assert_uint_eq(put(0x320, ONESHOT, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 7, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x320, RESERVED, 0), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	ck_assert_uint_eq(put(0x380, 7, 0), 0);
	ck_assert_uint_eq(write_deadline(100), 0);
	ck_assert_uint_eq(vapic_timer_expire(a, 1000), 0);
}
END_TEST

START_TEST(guest_moves_its_tsc)
{
	begin();
	ck_assert_uint_eq(put(0x320, ONESHOT, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 100, 1000), VAPIC_TIMER); /* due at 1200 */
	ck_assert_uint_eq(vapic_timer_rebase(a, 1050, 50), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), 200);
	ck_assert_uint_eq(get(0x390, 50), 75);
	ck_assert_uint_eq(vapic_timer_rebase(a, 50, 1ull << 60), VAPIC_TIMER);
	ck_assert_uint_eq(get(0x390, 1ull << 60), 75);
	/* Turned back behind our back: no more than the initial count is ever left. */
	ck_assert_uint_eq(get(0x390, 5), 100);
	/* Due already: due still. */
	ck_assert_uint_eq(vapic_timer_rebase(a, (1ull << 60) + 500, 3), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_expire(a, 3), FIRED);
	ck_assert_uint_eq(vapic_timer_rebase(a, 3, 0), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
	/* A deadline is a value of the TSC and stays. */
	ck_assert_uint_eq(put(0x320, DEADLINE, 0), VAPIC_TIMER);
	ck_assert_uint_eq(write_deadline(5000), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_rebase(a, 100, 4000), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), 5000);
	/* Near the end of time a count saturates and does not wrap. */
	ck_assert_uint_eq(put(0x320, ONESHOT, 0), VAPIC_TIMER);
	ck_assert_uint_eq(put(0x380, 1000, 0), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_rebase(a, 0, ~0ull - 5), VAPIC_TIMER);
	ck_assert_uint_eq(vapic_timer_deadline(a), VAPIC_NEVER);
}
END_TEST

VAPIC_MAIN("vapic_timer", { divide_table, ARRAY_SIZE(divide) }, { periodic_keeps_phase, 1 },
           { periodic_at_the_end_of_time, 1 }, { periods_have_a_floor, 1 }, { zero_stops, 1 },
           { masked_timer_runs_silently, 1 }, { one_shot_to_periodic_while_it_runs, 1 },
           { divisor_change_keeps_the_count, 1 }, { deadline_mode, 1 },
           { reserved_mode_never_runs, 1 }, { guest_moves_its_tsc, 1 })
