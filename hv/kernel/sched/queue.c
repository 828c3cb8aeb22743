/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/kernel/sched/queue.h"

#include "hv/base/bits.h"

#define USUAL_WEIGHT 100u

static struct sched_entity *of_ready(struct heap_node *node)
{
	return node == NULL ? NULL : container_of(node, struct sched_entity, ready);
}

/* Virtual time only moves forward; `lowest` is the least of all who run or wait. */
static void advance(struct sched_queue *q, u64 lowest)
{
	const struct heap_node *first = heap_first(&q->ready);

	if (first != NULL)
		lowest = MIN(lowest, first->key);
	q->runtime = MAX(q->runtime, lowest);
}

void queue_run(struct sched_queue *q, struct sched_entity *next, u64 now)
{
	heap_remove(&q->ready, &next->ready);
	next->began = now;
	next->charged = now;
}

void queue_charge(struct sched_queue *q, struct sched_entity *current, u64 now)
{
	if (now > current->charged) {
		current->ready.key += (now - current->charged) * USUAL_WEIGHT / current->weight;
		current->charged = now;
	}
	advance(q, current->ready.key);
}

void queue_requeue(struct sched_queue *q, struct sched_entity *current)
{
	heap_add(&q->ready, &current->ready);
}

void queue_wake(struct sched_queue *q, struct sched_entity *e)
{
	u64 credit = e->ready.key != 0 ? e->slice / 2 : 0; /* the first time it has none */
	u64 floor = q->runtime > credit ? q->runtime - credit : 0;

	queue_stay(q, e);
	e->ready.key = MAX(e->ready.key, floor);
	heap_add(&q->ready, &e->ready);
}

void queue_sleep(struct sched_queue *q, struct sched_entity *e, u64 at)
{
	if (at == QUEUE_NEVER)
		return;
	e->sleep.key = at;
	heap_add(&q->sleepers, &e->sleep);
}

void queue_stay(struct sched_queue *q, struct sched_entity *e)
{
	if (e->sleep.place != 0)
		heap_remove(&q->sleepers, &e->sleep);
}

struct sched_entity *queue_due(const struct sched_queue *q, u64 now)
{
	struct heap_node *first = heap_first(&q->sleepers);

	return first == NULL || first->key > now ? NULL
	                                         : container_of(first, struct sched_entity, sleep);
}

u64 queue_next_due(const struct sched_queue *q)
{
	const struct heap_node *first = heap_first(&q->sleepers);

	return first == NULL ? QUEUE_NEVER : first->key;
}

struct sched_entity *queue_choose(struct sched_queue *q)
{
	struct sched_entity *first = of_ready(heap_first(&q->ready));
	struct sched_entity *favoured = q->favoured;

	q->favoured = NULL;
	q->passed = !q->passed && favoured != NULL && queue_is_ready(favoured) &&
	            favoured->ready.key <= first->ready.key + favoured->slice;
	return q->passed ? favoured : first;
}

u64 queue_yield_at(const struct sched_queue *q, const struct sched_entity *current)
{
	const struct heap_node *first = heap_first(&q->ready);
	u64 limit, run, at;

	if (first == NULL)
		return QUEUE_NEVER;
	limit = first->key + current->slice / 4;
	run = limit > current->ready.key
	              ? (limit - current->ready.key) * current->weight / USUAL_WEIGHT + 1
	              : 0;
	at = MAX(current->charged + run, current->began + current->slice / 32);
	return MIN(at, current->began + current->slice);
}

bool queue_slice_over(struct sched_queue *q, struct sched_entity *current, u64 now)
{
	const struct heap_node *first;

	queue_charge(q, current, now);
	current->began = now;
	first = heap_first(&q->ready);
	return first != NULL && first->key <= current->ready.key;
}
