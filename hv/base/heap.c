/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/base/heap.h"

static void put(struct heap *heap, u32 index, struct heap_node *node)
{
	heap->at[index] = node;
	node->place = index + 1;
	heap->steps++;
}

/* Moves parents down until `node` may stand at `index` or above. */
static void sift_up(struct heap *heap, u32 index, struct heap_node *node)
{
	while (index > 0) {
		u32 parent = (index - 1) / 2;

		if (heap->at[parent]->key <= node->key)
			break;
		put(heap, index, heap->at[parent]);
		index = parent;
	}
	put(heap, index, node);
}

/* Moves the smaller children up until `node` may stand at `index` or below. */
static void sift_down(struct heap *heap, u32 index, struct heap_node *node)
{
	for (;;) {
		u32 child = 2 * index + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count && heap->at[child + 1]->key < heap->at[child]->key)
			child++;
		if (node->key <= heap->at[child]->key)
			break;
		put(heap, index, heap->at[child]);
		index = child;
	}
	put(heap, index, node);
}

void heap_add(struct heap *heap, struct heap_node *node)
{
	sift_up(heap, heap->count++, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	u32 index = node->place - 1;
	struct heap_node *last = heap->at[--heap->count];

	node->place = 0;
	if (last == node)
		return;
	if (index > 0 && last->key < heap->at[(index - 1) / 2]->key)
		sift_up(heap, index, last);
	else
		sift_down(heap, index, last);
}
