/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/root/queue.h"

#include "hv/base/bits.h"

static void queue_put(struct out *out, const char *bytes, size_t n)
{
	struct queue *q = container_of(out, struct queue, out);

	for (size_t i = 0; i < n; i++) {
		while (queue_room(q) == 0 && q->make_room != NULL)
			q->make_room(q);
		if (queue_room(q) == 0)
			return;
		q->data[q->head++ % q->size] = bytes[i];
	}
}

void queue_init(struct queue *q, char *data, u32 size, void (*make_room)(struct queue *queue))
{
	*q = (struct queue){ { queue_put }, data, size, 0, 0, make_room };
}

bool queue_take(struct queue *q, char *c)
{
	if (queue_used(q) == 0)
		return false;
	*c = q->data[q->tail++ % q->size];
	return true;
}
