/* SPDX-License-Identifier: MIT */
/*
 * A core for the run queue: a clock, actors that spin, sleep, are called, yield, leave and come,
 * and the loop of hv/kernel/sched/sched.c and hv/kernel/run/entry.c around it. Each operation is
 * checked for what it costs and that virtual time goes forward, each turn for its length.
 */
#ifndef TESTS_UNIT_SCHED_QUEUE_H
#define TESTS_UNIT_SCHED_QUEUE_H

#include "hv/base/bits.h"
#include "hv/kernel/sched/queue.h"

#include "tests/unit/main.h"

#include <string.h>

#define SLICE      100000ull
#define SWITCH     2000ull /* what a switch takes */
#define ACTORS     1000u
#define HEAVIEST   1000u
#define PER_SECOND 1000u /* slices */

/* libcheck writes to a file at each of its own. */
#define EXPECT(cond, ...)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

enum kind {
	SPINS,  /* always ready */
	SLEEPS, /* runs for `burst` in each `period`, woken by its timer */
	CALLED, /* the same, woken by others, all at the same moment */
	STORMS, /* called too, but as a spinner for `burst`: more than its share */
	YIELDS, /* spins, and after each `burst` lets another go first */
	LEAVES, /* spins for `burst`, then is gone, and another takes its place */
};

struct actor {
	struct sched_entity e;
	enum kind kind;
	u64 period, burst, left; /* `left` of this burst */
	u64 due;                 /* when it was to be woken last */
	u64 served;              /* ticks that it had */
	u64 since;               /* waits since */
	u64 spun;                /* world.spun when it was woken */
	u64 turn;                /* virtual length of its last turn */
	bool woken;              /* and has not run since */
	u64 credit;              /* with which it was woken */
};

static struct {
	struct sched_queue q;
	struct heap_node *ready_at[ACTORS], *sleep_at[ACTORS];
	struct actor actor[ACTORS];
	u32 count;
	struct actor *current;
	u64 weights;  /* of all */
	u64 spinning; /* of those that are always ready */
	u64 now, end, state;
	u64 spun; /* ticks that others had than well-behaved sleepers */
	u64 storm, storms;
	/*
	 * The longest that others spun while a sleeper waited that was woken with credit, or
	 * little.
	 */
	u64 late, late_poor;
	u32 poor; /* wakes with little or none */
	u32 turns, preempted;
} world;

static u64 random_below(u64 n)
{
	world.state = world.state * 6364136223846793005ull + 1442695040888963407ull;
	return (world.state >> 24) % n;
}

/* One that sleeps, and has less than its share. */
static bool is_modest(const struct actor *a)
{
	return a->kind == SLEEPS || a->kind == CALLED;
}

static bool is_called(const struct actor *a)
{
	return a->kind == CALLED || a->kind == STORMS;
}

/* ---- each operation of the queue, checked ---- */

static u32 steps_before;
static u64 runtime_before;

static void before(void)
{
	steps_before = world.q.ready.steps + world.q.sleepers.steps;
	runtime_before = world.q.runtime;
}

/* At most one heap operation of each heap. */
static void after(const char *what)
{
	u32 steps = world.q.ready.steps + world.q.sleepers.steps - steps_before;
	u32 most = 2 * (bit_highest(world.count) + 1);

	EXPECT(steps <= most, "%s: %u steps among %u", what, steps, world.count);
	EXPECT(world.q.runtime >= runtime_before, "%s: virtual time went back", what);
}

#define CHECKED(operation)                                                                         \
	do {                                                                                       \
		before();                                                                          \
		operation;                                                                         \
		after(#operation);                                                                 \
	} while (0)

/* ---- as sched.c ---- */

static void wake(struct actor *a)
{
	if (world.current != NULL)
		CHECKED(queue_charge(&world.q, &world.current->e, world.now));
	CHECKED(queue_wake(&world.q, &a->e));
	a->left = a->burst;
	a->since = world.now;
	a->spun = world.spun;
	a->woken = is_modest(a);
	a->credit = world.q.runtime - MIN(a->e.ready.key, world.q.runtime);
}

static void take_timers(void)
{
	struct sched_entity *e;

	for (;;) {
		e = queue_due(&world.q, world.now);
		if (e == NULL)
			break;
		CHECKED(queue_stay(&world.q, e));
		wake(container_of(e, struct actor, e));
	}
}

/* Everyone who waits for a call gets it. */
static void storm(void)
{
	if (world.now < world.storm)
		return;
	world.storm += world.storms;
	for (u32 i = 0; i < world.count; i++) {
		struct actor *a = &world.actor[i];

		if (is_called(a) && a != world.current && !queue_is_ready(&a->e)) {
			a->due = world.now;
			wake(a);
		}
	}
}

static u64 next_event(void)
{
	return MIN(queue_next_due(&world.q), world.storm);
}

static bool must_yield(struct actor *a)
{
	u64 ran = world.now - a->e.began;

	if (world.now < queue_yield_at(&world.q, &a->e))
		return false;
	EXPECT(ran >= SLICE / 32, "preempted after %lu ticks", ran);
	if (ran < SLICE) {
		world.preempted++;
		return true;
	}
	before();
	if (queue_slice_over(&world.q, &a->e, world.now))
		return true;
	after("slice over");
	return false;
}

/* ---- what an actor does at the end of its burst; true: it gives up its turn ---- */

/* vCPUs that yield help one another. */
static void favour(void)
{
	for (u32 n = 0; n < 16; n++) {
		struct actor *target = &world.actor[random_below(world.count)];

		if (target->kind != YIELDS || !queue_is_ready(&target->e))
			continue;
		world.q.favoured = &target->e;
		break;
	}
}

static void requeue(struct actor *a)
{
	CHECKED(queue_charge(&world.q, &a->e, world.now));
	CHECKED(queue_requeue(&world.q, &a->e));
	a->since = world.now;
}

/* The next moment of its period that is not past. */
static u64 next_due(struct actor *a)
{
	a->due += a->period;
	if (a->due < world.now)
		a->due = world.now + a->period;
	return a->due;
}

static void burst_ends(struct actor *a)
{
	u64 at = a->kind == SLEEPS ? next_due(a) : QUEUE_NEVER;

	if (a->kind == YIELDS) {
		favour();
		requeue(a);
		a->left = a->burst;
		return;
	}
	if (is_modest(a) || a->kind == STORMS)
		CHECKED(queue_sleep(&world.q, &a->e, at));
	CHECKED(queue_charge(&world.q, &a->e, world.now));
	world.current = NULL;
	if (a->kind == LEAVES) {
		u32 weight = a->e.weight;

		memset(&a->e, 0, sizeof(a->e));
		a->e.slice = SLICE;
		a->e.weight = weight;
		wake(a);
	}
}

static void serve(struct actor *a, u64 until)
{
	u64 ticks = until - world.now;

	world.now = until;
	a->served += ticks;
	if (!is_modest(a))
		world.spun += ticks;
	if (a->kind != SPINS)
		a->left -= ticks;
}

/*
 * Until it is its turn again the others catch up with its last one, have what they may be ahead of
 * it (a slice of virtual time, and half of one behind), and end the turns that they began.
 */
static void check_wait(const struct actor *a)
{
	u64 others = world.weights - a->e.weight;
	u64 most = (a->turn + 3 * SLICE / 2) * others / 100 + 1ull * SLICE * world.count;
	u64 waited = world.now - a->since;

	EXPECT(waited <= most, "one of weight %u waited for %lu of %lu ticks", a->e.weight, waited,
	       most);
}

static void count_late(const struct actor *a, u64 late)
{
	if (a->credit >= SLICE / 4) {
		world.late = MAX(world.late, late);
		return;
	}
	world.poor++;
	if (a->credit > 0)
		world.late_poor = MAX(world.late_poor, late);
}

static void run_turn(struct actor *a)
{
	u64 key = a->e.ready.key;

	check_wait(a);
	if (a->woken)
		count_late(a, world.spun - a->spun);
	a->woken = false;
	CHECKED(queue_run(&world.q, &a->e, world.now));
	world.current = a;
	world.turns++;
	world.now += SWITCH;
	a->served += SWITCH;
	a->e.began = world.now;
	while (world.current == a) {
		u64 until = MIN(queue_yield_at(&world.q, &a->e), next_event());

		until = MIN(until, MAX(world.end, world.now));
		until = MIN(until, a->kind == SPINS ? until : world.now + a->left);
		serve(a, MAX(until, world.now));
		take_timers();
		storm();
		if (a->kind != SPINS && a->left == 0) {
			burst_ends(a);
			break;
		}
		if (must_yield(a) || world.now >= world.end) {
			requeue(a);
			break;
		}
	}
	a->turn = a->e.ready.key - key;
	world.current = NULL;
}

/* The core, for so many slices. */
static void run_for(u64 slices)
{
	world.end = world.now + slices * SLICE;
	while (world.now < world.end) {
		struct sched_entity *e;

		take_timers();
		storm();
		before();
		e = queue_choose(&world.q);
		after("choose");
		if (e != NULL)
			run_turn(container_of(e, struct actor, e));
		else
			world.now = MAX(world.now, next_event());
	}
}

/* ---- arrivals and departures ---- */

static struct actor *add_actor(enum kind kind, u32 weight, u64 burst)
{
	struct actor *a = &world.actor[world.count++];

	*a = (struct actor){
		.e = { .slice = SLICE, .weight = weight },
		.kind = kind,
		.burst = burst,
	};
	world.weights += weight;
	if (kind == SPINS)
		world.spinning += weight;
	return a;
}

static void start(int seed)
{
	memset(&world, 0, sizeof(world));
	world.q.ready.at = world.ready_at;
	world.q.sleepers.at = world.sleep_at;
	world.state = (u64)seed * 0x9e3779b97f4a7c15ul + 1;
	world.now = 1ull << 40;
	world.storm = world.now;
	world.storms = 10 * SLICE;
	for (int i = 0; i < 8; i++)
		random_below(2);
}

/* All at the same moment, as at the start of VMs. */
static void wake_all(void)
{
	for (u32 i = 0; i < world.count; i++) {
		world.actor[i].due = world.now;
		wake(&world.actor[i]);
	}
}

/* Starts counting: what came before is warming up. */
static void measure_anew(void)
{
	for (u32 i = 0; i < world.count; i++)
		world.actor[i].served = 0;
	world.poor = 0;
}

#endif
