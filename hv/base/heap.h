/* SPDX-License-Identifier: MIT */
/*
 * A binary heap: the smallest key first. Its nodes are embedded in what they order; each knows its
 * place, so that any of them can be removed. An operation moves at most log2(count) + 1 nodes.
 *
 * The owner provides the array and locks nothing: one core at a time.
 */
#ifndef HV_BASE_HEAP_H
#define HV_BASE_HEAP_H

#include "hv/base/types.h"

struct heap_node {
	u64 key;
	u32 place; /* index in the heap plus 1; 0: in none */
};

struct heap {
	struct heap_node **at;
	u32 count;
	u32 steps; /* nodes moved since the start: what the operations have cost; free-running */
};

/* Adds a node whose key is set and which is in no heap. The array has room for it. */
void heap_add(struct heap *heap, struct heap_node *node);

/* Removes a node that is in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Returns the node with the smallest key, NULL if the heap is empty. */
static ALWAYS_INLINE struct heap_node *heap_first(const struct heap *heap)
{
	return heap->count == 0 ? NULL : heap->at[0];
}

#endif
