/* SPDX-License-Identifier: MIT */
/*
 * What waits to be sent on a serial port: a sink (hv/ring3/rt/out.h) in front of a ring. When it is
 * full, `make_room` is called until it is not: nothing is dropped, the writer waits for the line.
 */
#ifndef HV_ROOT_QUEUE_H
#define HV_ROOT_QUEUE_H

#include "hv/ring3/rt/out.h"

struct queue {
	struct out out;
	char *data;
	u32 size; /* a power of two */
	u32 head, tail;
	void (*make_room)(struct queue *queue); /* NULL: there is nobody to wait for, drop */
};

void queue_init(struct queue *q, char *data, u32 size, void (*make_room)(struct queue *queue));

static inline u32 queue_used(const struct queue *q)
{
	return q->head - q->tail;
}

static inline u32 queue_room(const struct queue *q)
{
	return q->size - queue_used(q);
}

/* Takes at most max bytes and returns how many. */
MUST_USE u32 queue_take(struct queue *q, char *out, u32 max);

#endif
