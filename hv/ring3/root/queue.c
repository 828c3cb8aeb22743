/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/queue.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"

/* As much as fits in one piece. */
static size_t put_piece(struct queue *q, const char *bytes, size_t n)
{
	u32 at = q->head % q->size;

	n = MIN(n, MIN(queue_room(q), q->size - at));
	memcpy(q->data + at, bytes, n);
	q->head += (u32)n;
	return n;
}

static void queue_put(struct out *out, const char *bytes, size_t n)
{
	struct queue *q = container_of(out, struct queue, out);

	while (n > 0) {
		size_t done = put_piece(q, bytes, n);

		bytes += done;
		n -= done;
		if (done == 0 && q->make_room == NULL)
			return;
		if (done == 0)
			q->make_room(q);
	}
}

void queue_init(struct queue *q, char *data, u32 size, void (*make_room)(struct queue *queue))
{
	*q = (struct queue){ { queue_put }, data, size, 0, 0, make_room };
}

u32 queue_take(struct queue *q, char *out, u32 max)
{
	u32 n = MIN(queue_used(q), max);

	for (u32 i = 0; i < n; i++)
		out[i] = q->data[(q->tail + i) % q->size];
	q->tail += n;
	return n;
}
