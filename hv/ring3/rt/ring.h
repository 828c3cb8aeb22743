/* SPDX-License-Identifier: MIT */
/*
 * The byte rings of hv/abi/process.h: one producer, one consumer, in two programs that do not trust
 * each other. Whatever the other side writes into head, tail or data, nothing here leaves `data`:
 * positions are masked, and a distance that cannot be counts as a full ring.
 *
 * A stalled producer is woken thus: it stores head, fences, reads tail (ring_room_after_put); the
 * consumer stores tail, fences, reads head (ring_get). One of the two sees the other's store.
 */
#ifndef HV_RT_RING_H
#define HV_RT_RING_H

#include "hv/abi/process.h"
#include "hv/base/atomic.h"

static inline u32 ring_distance(u32 head, u32 tail)
{
	return MIN(head - tail, BYTE_RING_SIZE);
}

static inline u32 ring_used(const struct byte_ring *r)
{
	return ring_distance(atomic_load(&r->head), atomic_load(&r->tail));
}

static inline u32 ring_room(const struct byte_ring *r)
{
	return BYTE_RING_SIZE - ring_used(r);
}

/* Producer. False: full, nothing changed. */
MUST_USE static inline bool ring_put(struct byte_ring *r, u8 byte)
{
	u32 head = atomic_load_relaxed(&r->head);

	if (ring_distance(head, atomic_load(&r->tail)) == BYTE_RING_SIZE)
		return false;
	r->data[head % BYTE_RING_SIZE] = byte;
	atomic_store(&r->head, head + 1);
	return true;
}

/* Producer. What is free, where a consumer that makes room later is sure to see the ring full. */
static inline u32 ring_room_after_put(const struct byte_ring *r)
{
	atomic_fence(); /* head before tail; partner: ring_get */
	return ring_room(r);
}

/*
 * Consumer. Takes at most max bytes and returns how many. *stalled: the producer may have found
 * less than BYTE_RING_LOW free, and is to be told that there is room again.
 */
#define BYTE_RING_LOW 64u
u32 ring_get(struct byte_ring *r, u8 *out, u32 max, bool *stalled);

#endif
