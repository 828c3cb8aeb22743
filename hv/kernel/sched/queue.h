/* SPDX-License-Identifier: MIT */
/*
 * Who runs next on one core, as arithmetic: weighted fair queueing on virtual run time, in the
 * manner of Linux's CFS. Touches neither the machine nor a clock; time is an argument.
 *
 * Virtual run time is run time times 100 over weight, so that equal virtual times are fair shares.
 * The queue's own virtual time is the least of all who run or wait, and never goes back; a sleeper
 * returns at most half a slice behind it, a newcomer with it. Each operation takes O(log n) steps
 * for n in the queue.
 *
 * What follows (tests/unit/sched_queue.c), however many there are and whatever they weigh:
 *
 * - Over a second of 1,000 slices each that is always ready gets its weight's part, within 2 %.
 * - A sleeper whose credit is a quarter of a slice or more, as one that uses half of its share soon
 *   has, waits for whoever runs, a thirty-second part of a slice at most, and as long for one who
 * is favoured; one with less credit for at most a slice. Those who were woken with as much credit
 *   wait for one another.
 * - Whoever waits gets its turn when the others have caught up with its last one, give or take a
 *   slice and a half of virtual time and a turn of each.
 *
 * Owner: the core. Times are in ticks of the TSC.
 */
#ifndef HV_SCHED_QUEUE_H
#define HV_SCHED_QUEUE_H

#include "hv/base/heap.h"
#include "hv/base/types.h"

#define QUEUE_NEVER ~0ull

/* One that the scheduler knows: embedded in what it runs. */
struct sched_entity {
	struct heap_node ready; /* key: virtual run time */
	struct heap_node sleep; /* key: TSC at which it wants to be woken */
	u64 began;              /* TSC at which its slice began; while it runs */
	u64 charged;            /* TSC up to which its run is charged; while it runs */
	u64 slice;              /* constant */
	u32 weight;             /* constant: 1..1000, 100 is usual */
};

struct sched_queue {
	struct heap ready, sleepers;
	struct sched_entity *favoured; /* for the next choice; NULL: nobody */
	bool passed;                   /* the last choice was the favoured one, not the first */
	u64 runtime;                   /* the queue's virtual time */
};

static ALWAYS_INLINE bool queue_is_ready(const struct sched_entity *e)
{
	return e->ready.place != 0;
}

/* `next`, chosen or not, leaves the ready queue and runs from `now` on. */
void queue_run(struct sched_queue *q, struct sched_entity *next, u64 now);

/*
 * Charges the run of `current` up to `now`; a time that was charged already changes nothing. Before
 * each queue_wake: who ran alone owes nothing to those who were not there.
 */
void queue_charge(struct sched_queue *q, struct sched_entity *current, u64 now);

/* `current`, charged, waits for its next turn. */
void queue_requeue(struct sched_queue *q, struct sched_entity *current);

/* A sleeper, or one that was never here, becomes ready; its timer is dropped. */
void queue_wake(struct sched_queue *q, struct sched_entity *e);

/* One that will not be ready before a wake: at the latest at `at`, QUEUE_NEVER: not by itself. */
void queue_sleep(struct sched_queue *q, struct sched_entity *e, u64 at);

/* One that is about to sleep, or was, does not: its timer is dropped. */
void queue_stay(struct sched_queue *q, struct sched_entity *e);

/* A sleeper whose time has come, or NULL. */
struct sched_entity *queue_due(const struct sched_queue *q, u64 now);

/* When the next sleeper's time comes; QUEUE_NEVER: none has one. */
u64 queue_next_due(const struct sched_queue *q);

/*
 * Who should run next: the least virtual run time, or the favoured one within a slice of it, but
 * not twice in a row: those who favour one another would keep others waiting, the longer the more
 * they are. NULL: nobody is ready. Forgets the favoured one.
 */
struct sched_entity *queue_choose(struct sched_queue *q);

/*
 * When `current` has to give way: at the end of its slice, or as soon as one who waits is a quarter
 * of a slice behind it. Never before it has run for a thirty-second part of its slice, which is
 * more than the switch to it cost. QUEUE_NEVER: nobody waits.
 */
u64 queue_yield_at(const struct sched_queue *q, const struct sched_entity *current);

/* At the end of its slice: true if somebody's turn it is; else the slice was charged, a new one
 * begins. */
MUST_USE bool queue_slice_over(struct sched_queue *q, struct sched_entity *current, u64 now);

#endif
