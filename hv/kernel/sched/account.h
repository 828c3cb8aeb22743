/* SPDX-License-Identifier: MIT */
/*
 * Who had the time. Each core has one chain of stamps: at each change of what it does, the ticks
 * since the last stamp go to exactly one row, so that the rows add up to the wall clock by
 * construction. All on the owner's core.
 *
 * Blame costs the same however many wait: rq->held sums up who has had the core and how, a vCPU
 * that begins to wait copies those sums, and the end of its wait adds the differences to its row.
 * rq->held follows at each change of holder or queue, so that the IPI path does not know of it.
 */
#ifndef HV_SCHED_ACCOUNT_H
#define HV_SCHED_ACCOUNT_H

#include "hv/abi/counters.h"
#include "hv/base/types.h"
#include "hv/base/x86.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/sched/task.h"

/* The time since the last stamp was this task's, in `row`. Returns those ticks. */
static ALWAYS_INLINE u64 account(struct task *task, enum vcpu_time row, u64 now)
{
	struct run_queue *rq = task->rq;
	struct vcpu_counters *c = task->counters;
	u64 ticks = now - rq->stamp;

	rq->stamp = now;
	c->time[row] += ticks;
	return ticks;
}

/* A minimum or maximum changed: seldom, after the first few. */
NOINLINE void account_extreme(struct exit_counter *c, u64 ticks);

/*
 * The core leaves the exit handler for the guest: closes the books on the exit, `legs` being what
 * account_leg has booked of it already. An exit of 2^32 ticks or more counts in a bucket of shorter
 * ones, rather than that each pays for the check. Returns the ticks of the whole exit.
 */
static ALWAYS_INLINE u64 account_exit(struct task *task, struct exit_counter *c, u64 legs, u64 now)
{
	u64 ticks = account(task, TIME_EXIT, now) + legs;

	c->count++;
	c->ticks += ticks;
	c->hist[bit_highest((u32)ticks | 1)]++;
	if (unlikely(ticks - c->min > c->span))
		account_extreme(c, ticks);
	return ticks;
}

/* A leg of an exit that is not its last: in ring 0 or in ring 3. */
static ALWAYS_INLINE void account_leg(struct task *task, enum vcpu_time row, u64 now)
{
	struct run_queue *rq = task->rq;
	struct vcpu_counters *c = task->counters;

	task->exit_ticks += account(task, row, now);
	c->now = now;
	rq->counters.now = now;
}

/* The core had nothing to do. */
void account_idle(struct run_queue *rq, u64 now);

/*
 * The time since the last stamp was taken from `victim`, which runs, for VM `culprit`: not the
 * victim's exit, but its steal. Those who wait blame the same.
 */
void account_taken(struct task *victim, u32 culprit, enum blame_cause cause, u64 now);

/* A task has become ready: its wait begins at rq->stamp. Its wait is over: it leaves the queue. */
void account_wait(struct run_queue *rq, struct task *task);
void account_wait_over(struct run_queue *rq, struct task *task);

/* A new holder of the core, or NULL for none, from rq->stamp on. */
void account_switch(struct run_queue *rq, struct task *next);

/* Stretches of ring 0 with interrupts off that are shorter are not counted. */
#define STRETCH_COUNTED 1024u

/* Counts a stretch of ring 0 that ends at `now`, if it was a long one. */
NOINLINE void account_stretch(struct run_queue *rq, u64 now);

/* As account_stretch, after an exit of `ticks`, legs and all: it was no longer than that. */
static ALWAYS_INLINE void account_stretch_of(struct run_queue *rq, u64 ticks)
{
	if (unlikely(ticks >= STRETCH_COUNTED))
		account_stretch(rq, rq->stamp);
}

/* Ring 0 has the core with interrupts off since `now`, not by an exit but for reason `why`. */
static ALWAYS_INLINE void account_closed(struct run_queue *rq, u64 now, u32 why)
{
	rq->opened = now;
	rq->closed = now;
	rq->closed_by = why;
}

#endif
