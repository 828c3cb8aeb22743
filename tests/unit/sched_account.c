/* SPDX-License-Identifier: MIT */
/*
 * Accounting against a naive model that walks all who wait at each step: random sequences of what a
 * core does, with VMs that appear late, to the tick.
 */
#include "hv/kernel/sched/account.h"

#include "hv/base/bits.h"

#include "tests/unit/main.h"

#include <string.h>

#define TASKS   24u
#define STEPS   20000u
#define REASONS 4u

/* libcheck writes to a file at each of its own. */
#define EXPECT(cond, ...)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

enum place { ABSENT, ASLEEP, WAITS, RUNS };

/* What must be counted of one task. */
struct model {
	enum place place;
	u64 time[VCPU_TIMES];
	u64 blame[MAX_VMS][BLAME_CAUSES];
	struct exit_counter exit[REASONS];
	u64 legs;
};

static struct run_queue rq;
static struct task tasks[TASKS];
static struct vcpu_counters counters[TASKS];
static struct model models[TASKS];
static u64 now, idle, state;

/* Stretches: when the one at hand began, and by what. */
static struct stretch_counters stretch;
static u64 opened, began_by;

static u64 random_below(u64 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 24) % n;
}

static struct model *model_of(const struct task *task)
{
	return &models[task - tasks];
}

static void start(int seed)
{
	memset(&rq, 0, sizeof(rq));
	memset(tasks, 0, sizeof(tasks));
	memset(counters, 0, sizeof(counters));
	memset(models, 0, sizeof(models));
	memset(&stretch, 0, sizeof(stretch));
	state = (u64)seed * 0x9e3779b97f4a7c15ul + 1;
	now = (u64)(seed + 1) << 33;
	idle = 0;
	rq.stamp = rq.counters.created = now;
	account_closed(&rq, now, STRETCH_WINDOW);
	opened = now;
	began_by = STRETCH_WINDOW;
	for (u32 i = 0; i < TASKS; i++) {
		u32 vm = (u32)random_below(MAX_VMS);

		tasks[i].rq = &rq;
		tasks[i].vm = vm;
		tasks[i].counters = &counters[i];
		tasks[i].trace_id = TRACE_WHO(vm, i);
	}
}

/* ---- the model ---- */

/* These ticks were one VM's, in this way: all who wait blame it. */
static void pass(u32 vm, enum blame_cause cause, u64 ticks)
{
	for (u32 i = 0; i < TASKS; i++) {
		if (models[i].place != WAITS)
			continue;
		models[i].time[TIME_READY] += ticks;
		models[i].blame[vm][cause] += ticks;
	}
}

/* The clock goes on; these ticks are the current vCPU's. */
static u64 go(enum vcpu_time row, enum blame_cause cause)
{
	u64 ticks = 1 + random_below(random_below(8) == 0 ? 5000 : 60);

	now += ticks;
	model_of(rq.current)->time[row] += ticks;
	pass(rq.current->vm, cause, ticks);
	return ticks;
}

static void model_exit(struct exit_counter *c, u64 ticks)
{
	c->min = c->count == 0 ? ticks : MIN(c->min, ticks);
	c->max = MAX(c->max, ticks);
	c->count++;
	c->ticks += ticks;
	c->hist[bit_highest((u32)ticks | 1)]++;
}

static void model_stretch(u64 end)
{
	u64 ticks = end - opened, id = rq.current == NULL ? 0 : rq.current->trace_id;

	if (ticks < STRETCH_COUNTED)
		return;
	stretch.hist[bit_highest((u32)ticks)]++;
	if (ticks <= stretch.max)
		return;
	stretch.max = ticks;
	stretch.at = end;
	stretch.who = id | began_by;
}

/* ---- what a core does ---- */

static struct task *any_at(enum place place)
{
	u32 first = (u32)random_below(TASKS);

	for (u32 i = 0; i < TASKS; i++) {
		u32 at = (first + i) % TASKS;

		if (models[at].place == place)
			return &tasks[at];
	}
	return NULL;
}

static void leg(enum vcpu_time row)
{
	struct task *task = rq.current;

	model_of(task)->legs += go(row, row == TIME_EXIT ? BLAME_EXIT : BLAME_MONITOR);
	account_leg(task, row, now);
}

/* Guest, exit, entry; with what lies between in several legs. */
static void run_guest(void)
{
	struct task *task = rq.current;
	u32 reason = (u32)random_below(REASONS);
	u64 legs;

	go(TIME_GUEST, BLAME_GUEST);
	account(task, TIME_GUEST, now);
	rq.opened = opened = now;
	began_by = reason;
	rq.counters.trace[rq.counters.trace_next++ % TRACE_EXITS] = task->trace_id | reason;
	for (u64 n = random_below(6); n > 3; n--)
		leg(n % 2 != 0 ? TIME_EXIT : TIME_MONITOR);
	legs = task->exit_ticks;
	EXPECT(legs == model_of(task)->legs, "%lu ticks in legs", legs);
	task->exit_ticks = 0;
	model_exit(&model_of(task)->exit[reason], legs + go(TIME_EXIT, BLAME_EXIT));
	model_of(task)->legs = 0;
	account_stretch_of(&rq, account_exit(task, &task->counters->exit[reason], legs, now));
	model_stretch(now);
}

/* Anybody may be the culprit, the victim itself and one that nobody has seen. */
static void take_time(void)
{
	struct task *victim = rq.current;
	u32 culprit = (u32)random_below(MAX_VMS);
	enum blame_cause cause = random_below(2) != 0 ? BLAME_KICK : BLAME_TIMER;
	u64 ticks = 1 + random_below(300);

	if (culprit == victim->vm) {
		ticks = go(TIME_EXIT, BLAME_EXIT);
		model_of(victim)->legs += ticks;
	} else {
		now += ticks;
		model_of(victim)->time[TIME_TAKEN] += ticks;
		model_of(victim)->blame[culprit][cause] += ticks;
		pass(culprit, cause, ticks);
	}
	account_taken(victim, culprit, cause, now);
}

static void wake(struct task *task)
{
	if (task == NULL)
		return;
	account_wait(&rq, task);
	model_of(task)->place = WAITS;
}

/* Whoever has the core waits for its next turn, or sleeps. */
static void put(void)
{
	struct task *task = rq.current;

	leg(TIME_EXIT);
	account_switch(&rq, NULL);
	model_of(task)->place = ASLEEP;
	if (random_below(3) != 0)
		wake(task);
}

static void pick(struct task *next)
{
	account_wait_over(&rq, next);
	account_switch(&rq, next);
	model_of(next)->place = RUNS;
	EXPECT(next->since == rq.stamp, "wait not over");
}

static void be_idle(void)
{
	u64 ticks = 1 + random_below(3000);

	model_stretch(now);
	account_stretch(&rq, now);
	now += ticks;
	idle += ticks;
	account_idle(&rq, now);
	account_closed(&rq, now, STRETCH_IDLE);
	opened = now;
	began_by = STRETCH_IDLE;
}

static void window(void)
{
	model_stretch(now);
	account_stretch(&rq, now);
	account_closed(&rq, now, STRETCH_WINDOW);
	opened = now;
	began_by = STRETCH_WINDOW;
}

static void step(void)
{
	static void (*const actions[])(void) = { run_guest, run_guest, run_guest, take_time, put };
	u64 which = random_below(16);

	if (which == 0)
		wake(any_at(ABSENT));
	else if (which < 4)
		wake(any_at(ASLEEP));
	else if (which == 4)
		window();
	else if (rq.current != NULL)
		actions[random_below(ARRAY_SIZE(actions))]();
	else if (any_at(WAITS) != NULL)
		pick(any_at(WAITS));
	else
		be_idle();
}

/* ---- the comparison ---- */

static void check_task(u32 i)
{
	const struct vcpu_counters *c = &counters[i];
	const struct model *m = &models[i];
	u64 blamed = 0;

	/* What it waits for just now is not booked yet. */
	for (u32 row = 0; row < VCPU_TIMES; row++)
		EXPECT(c->time[row] == m->time[row] || (row == TIME_READY && m->place == WAITS),
		       "vCPU %u, row %u: %lu, not %lu", i, row, c->time[row], m->time[row]);
	for (u32 vm = 0; vm < MAX_VMS; vm++) {
		for (u32 cause = 0; cause < BLAME_CAUSES; cause++) {
			blamed += c->blame[vm][cause];
			EXPECT(c->blame[vm][cause] == m->blame[vm][cause] || m->place == WAITS,
			       "vCPU %u blames VM %u, cause %u: %lu, not %lu", i, vm, cause,
			       c->blame[vm][cause], m->blame[vm][cause]);
		}
	}
	EXPECT(blamed == c->time[TIME_READY] + c->time[TIME_TAKEN],
	       "vCPU %u blames %lu, was kept %lu", i, blamed,
	       c->time[TIME_READY] + c->time[TIME_TAKEN]);
	for (u32 n = 0; n < REASONS; n++) {
		struct exit_counter e = c->exit[n];

		EXPECT(e.span == e.max - e.min, "span");
		e.span = 0;
		EXPECT(memcmp(&e, &m->exit[n], sizeof(e)) == 0, "vCPU %u, reason %u", i, n);
	}
}

static void check(void)
{
	u64 all = rq.counters.idle;

	for (u32 i = 0; i < TASKS; i++) {
		check_task(i);
		for (u32 row = TIME_GUEST; row <= TIME_TAKEN; row++)
			all += row == TIME_READY ? 0 : counters[i].time[row];
	}
	EXPECT(rq.counters.idle == idle, "idle for %lu, not %lu", rq.counters.idle, idle);
	EXPECT(all == now - rq.counters.created, "%lu of %lu ticks are somebody's", all,
	       now - rq.counters.created);
	EXPECT(memcmp(&rq.counters.stretch, &stretch, sizeof(stretch)) == 0,
	       "stretches: %lx, not %lx, %lu ticks, not %lu", rq.counters.stretch.who, stretch.who,
	       rq.counters.stretch.max, stretch.max);
}

START_TEST(as_the_walk)
{
	struct task *next;

	start(_i);
	for (u32 n = 0; n < STEPS; n++) {
		step();
		if (n % 16 == 0)
			check();
	}
	/* All waits end. */
	if (rq.current != NULL)
		put();
	for (next = any_at(WAITS); next != NULL; next = any_at(WAITS)) {
		pick(next);
		leg(TIME_EXIT);
		account_switch(&rq, NULL);
		model_of(next)->place = ASLEEP;
	}
	check();
	ck_assert_uint_gt(stretch.max, STRETCH_COUNTED);
}
END_TEST

/* One that waits since before a VM was there blames it for all that it took. */
START_TEST(late_vm)
{
	start(0);
	for (u32 i = 0; i < 3; i++)
		tasks[i].vm = i;
	wake(&tasks[0]);
	pick(&tasks[0]);
	wake(&tasks[1]);
	leg(TIME_EXIT);
	account_switch(&rq, NULL);
	models[0].place = ASLEEP;
	wake(&tasks[2]); /* VM 2 was never here */
	pick(&tasks[2]);
	run_guest();
	put();
	pick(&tasks[1]);
	ck_assert_uint_eq(counters[1].blame[2][BLAME_GUEST], counters[2].time[TIME_GUEST]);
	ck_assert_uint_gt(counters[1].blame[2][BLAME_GUEST], 0);
	check();
}
END_TEST

/* A stretch that nobody counts in 32 bits; and one that is a tick too short. */
START_TEST(stretches_at_the_edges)
{
	start(0);
	account_stretch(&rq, now + STRETCH_COUNTED - 1);
	ck_assert_uint_eq(rq.counters.stretch.max, 0);
	account_stretch(&rq, now + STRETCH_COUNTED);
	ck_assert_uint_eq(rq.counters.stretch.hist[10], 1);
	ck_assert_uint_eq(rq.counters.stretch.who, STRETCH_WINDOW);
	account_stretch(&rq, now + (1ull << 40));
	ck_assert_uint_eq(rq.counters.stretch.hist[HIST_BUCKETS - 1], 1);
	ck_assert_uint_eq(rq.counters.stretch.max, 1ull << 40);
	ck_assert_uint_eq(rq.counters.stretch.at, now + (1ull << 40));
}
END_TEST

UNIT_MAIN("sched_account", 120, { as_the_walk, 20 }, { late_vm, 1 }, { stretches_at_the_edges, 1 })
