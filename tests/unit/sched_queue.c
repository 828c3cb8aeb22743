/* SPDX-License-Identifier: MIT */
/*
 * The run queue under a random driver, seeds 0 to 39 of each mix: shares, lateness, starvation,
 * what each operation costs. What is asserted of lateness is what queue.h states.
 */
#include "tests/unit/sched_queue.h"

#define SEEDS 40

/* What spinners may still have of the core when a sleeper with credit was woken. */
#define LATE         (SLICE / 32)
#define LATE_FAVOURS (SLICE / 16)

/* Part of what they are entitled to that modest sleepers use, in percent. */
#define MODEST 50

static u32 any_weight(void)
{
	static const u32 tops[] = { 1, 10, 100, HEAVIEST };

	return 1 + (u32)random_below(tops[random_below(ARRAY_SIZE(tops))]);
}

/* Mostly few, at times all that there may be. */
static u32 any_count(void)
{
	static const u32 tops[] = { 3, 10, 40, 200, ACTORS };

	return 1 + (u32)random_below(tops[random_below(ARRAY_SIZE(tops))]);
}

static void add_some(enum kind kind, u32 count, u64 burst)
{
	u32 end = MIN(world.count + count, ACTORS);

	while (world.count < end)
		add_actor(kind, any_weight(), burst);
}

/* All others are there: their weights say what a burst may be. The switch is part of it. */
static void add_modest(u32 count)
{
	u32 first = world.count;

	for (u32 end = MIN(first + count, ACTORS); world.count < end;)
		add_some(random_below(2) != 0 ? SLEEPS : CALLED, 1, 0);
	for (u32 i = first; i < world.count; i++) {
		struct actor *a = &world.actor[i];
		u64 entitled = a->e.weight * MODEST, of = 100 * world.weights, share;

		a->period = a->kind == CALLED ? world.storms : SLICE / 2 + random_below(20 * SLICE);
		share = a->period * entitled / of;
		if (share <= SWITCH) { /* too little to run at all: seldom, then */
			a->kind = SLEEPS;
			share = SWITCH + 1 + random_below(SLICE);
			a->period = share * of / entitled + 1;
		}
		a->burst = share - SWITCH;
	}
}

static u64 apart(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/*
 * Of what those had who are always ready, each has the part that its weight says: within 2 % of the
 * core, and of its own share where that is 50 slices or more. Together they have no less than their
 * weights say beside all others.
 */
static void check_shares(u64 slices)
{
	u64 all = 0;

	for (u32 i = 0; i < world.count; i++)
		all += world.actor[i].kind == SPINS ? world.actor[i].served : 0;
	EXPECT(all + slices * SLICE / 50 >= slices * SLICE / world.weights * world.spinning,
	       "spinners of weight %lu of %lu had %lu ticks", world.spinning, world.weights, all);
	for (u32 i = 0; i < world.count; i++) {
		const struct actor *a = &world.actor[i];
		u64 share, off;

		if (a->kind != SPINS)
			continue;
		share = all / world.spinning * a->e.weight;
		off = apart(a->served, share);
		EXPECT(off <= slices * SLICE / 50 && (share < 50 * SLICE || off <= share / 50),
		       "one of weight %u of %lu had %lu ticks of %lu", a->e.weight, world.weights,
		       a->served, share);
	}
}

/*
 * A second counts, after some time in which everyone has turns and sleepers get credit; that goes
 * by virtual time, which is slow where many run. `late`: for whom they may wait that have it.
 */
static void run_a_second(u64 late)
{
	wake_all();
	run_for(PER_SECOND + 2 * world.weights / 100);
	measure_anew();
	run_for(PER_SECOND);
	check_shares(PER_SECOND);
	EXPECT(world.late <= late, "%lu ticks late among %u", world.late, world.count);
	EXPECT(world.late_poor <= MAX(late, SLICE), "with little credit %lu ticks late among %u",
	       world.late_poor, world.count);
	EXPECT(world.poor == 0, "%u wakes of modest ones without credit", world.poor);
}

START_TEST(spinners)
{
	start(_i);
	add_some(SPINS, _i == 0 ? ACTORS : any_count(), 0);
	wake_all();
	run_for(PER_SECOND); /* from their very first turns on */
	check_shares(PER_SECOND);
}
END_TEST

START_TEST(sleepers)
{
	start(_i);
	add_some(SPINS, (any_count() + 1) / 2, 0);
	add_modest(any_count());
	run_a_second(LATE);
}
END_TEST

START_TEST(yielders)
{
	start(_i);
	add_some(YIELDS, 2 + any_count() / 4, SLICE / 40);
	add_some(SPINS, (any_count() + 3) / 4, 0);
	add_modest(any_count() / 2);
	run_a_second(LATE_FAVOURS);
}
END_TEST

START_TEST(leavers)
{
	start(_i);
	add_some(LEAVES, 2 + any_count() / 8, 20 * SLICE);
	add_some(SPINS, (any_count() + 3) / 4, 0);
	add_modest(any_count() / 2);
	run_a_second(LATE);
}
END_TEST

/* Who is woken with others waits for them, a turn of each at most. */
START_TEST(storms)
{
	u32 stormers;

	start(_i);
	stormers = 2 + any_count() / 4;
	add_some(STORMS, stormers, 3 * SLICE);
	add_some(SPINS, (any_count() + 3) / 4, 0);
	add_modest(any_count() / 2);
	run_a_second(LATE + stormers * SLICE);
}
END_TEST

/* The least weights beside the greatest: a spinner of weight 1 had 98 slices at each wake. */
START_TEST(light_spinner)
{
	static const u32 weights[] = { 1, 10, 100, HEAVIEST };
	struct actor *a;

	start(_i);
	add_actor(SPINS, weights[_i], 0);
	a = add_actor(SLEEPS, 100, SLICE / 10);
	a->period = a->burst * 3 * (100 + weights[_i]) / 100;
	run_a_second(LATE);
	ck_assert_uint_gt(a->served, PER_SECOND / 2 * SLICE * 100 / (100 + weights[_i]) / 4);
}
END_TEST

/* Who had the core for a second while nobody else wanted it owes nothing for that. */
START_TEST(alone_is_free)
{
	static const u32 weights[] = { 1, 10, 100, HEAVIEST };
	struct actor *early, *late;
	u64 share;

	start(_i);
	early = add_actor(SPINS, weights[_i % 4], 0);
	late = add_actor(STORMS, weights[_i / 4], ~0ull >> 1);
	late->e.ready.key = 1; /* it was there once */
	world.storm = world.now + PER_SECOND * SLICE;
	wake(early);
	run_for(2 * PER_SECOND);
	share = PER_SECOND * SLICE / world.weights * late->e.weight;
	ck_assert_uint_le(apart(late->served, share), PER_SECOND * SLICE / 50);
	ck_assert_uint_le(early->served + late->served, 2 * PER_SECOND * SLICE + SLICE);
}
END_TEST

UNIT_MAIN("sched_queue", 120, { spinners, SEEDS }, { sleepers, SEEDS }, { yielders, SEEDS },
          { leavers, SEEDS }, { storms, SEEDS }, { light_spinner, 4 }, { alone_is_free, 16 })
