/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/rt/ring.h"

#include "hv/base/string.h"

u32 ring_get(struct byte_ring *r, u8 *out, u32 max, bool *stalled)
{
	u32 tail = atomic_load_relaxed(&r->tail);
	u32 there = ring_distance(atomic_load(&r->head), tail); /* once: it changes meanwhile */
	u32 n = MIN(there, max);
	u32 first = MIN(n, BYTE_RING_SIZE - tail % BYTE_RING_SIZE); /* up to the end of data */

	memcpy(out, r->data + tail % BYTE_RING_SIZE, first);
	memcpy(out + first, r->data, n - first);
	atomic_store(&r->tail, tail + n);
	atomic_fence(); /* tail before head; partner: ring_room_after_put */
	*stalled = n > 0 &&
	           ring_distance(atomic_load(&r->head), tail) > BYTE_RING_SIZE - BYTE_RING_LOW;
	return n;
}
