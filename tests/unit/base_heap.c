/* SPDX-License-Identifier: MIT */
/* The heap against a plain array that is searched: order, places, and the steps that it takes. */
#include "hv/base/heap.h"

#include "tests/unit/main.h"

#include <stdlib.h>
#include <string.h>

/* libcheck writes to a file at each of its own. */
#define EXPECT(what)                                                                               \
	do {                                                                                       \
		if (!(what))                                                                       \
			ck_abort_msg("%s", #what);                                                 \
	} while (0)

#define NODES      1500u
#define OPERATIONS 20000u

static struct heap_node nodes[NODES];
static struct heap_node *at[NODES];
static bool inside[NODES]; /* what the plain array knows */
static struct heap heap;
static u64 state;

static u64 random_below(u64 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 20) % n;
}

static void start(int seed)
{
	memset(nodes, 0, sizeof(nodes));
	memset(inside, 0, sizeof(inside));
	heap = (struct heap){ .at = at };
	state = (u64)seed * 7919 + 1;
}

/* log2 rounded down; of 0: 0. */
static u32 log2_of(u32 n)
{
	u32 bits = 0;

	while (n > 1) {
		n >>= 1;
		bits++;
	}
	return bits;
}

/* Each knows its place, parents are not behind children, nobody else thinks to be inside. */
static void check_shape(void)
{
	u32 members = 0;

	for (u32 i = 0; i < heap.count; i++) {
		EXPECT(at[i]->place == i + 1);
		if (i > 0)
			EXPECT(at[(i - 1) / 2]->key <= at[i]->key);
	}
	for (u32 i = 0; i < NODES; i++) {
		EXPECT((nodes[i].place != 0) == inside[i]);
		members += inside[i];
	}
	EXPECT(members == heap.count);
}

static void check_first(void)
{
	const struct heap_node *least = NULL;

	for (u32 i = 0; i < NODES; i++) {
		if (inside[i] && (least == NULL || nodes[i].key < least->key))
			least = &nodes[i];
	}
	if (least == NULL)
		EXPECT(heap_first(&heap) == NULL);
	else
		EXPECT(heap_first(&heap)->key == least->key);
}

/* An operation on a heap that had `count` nodes at its most. */
static void check_steps(u32 before, u32 count)
{
	EXPECT(heap.steps - before <= log2_of(count) + 1);
}

static void add(u32 i, u64 key)
{
	u32 before = heap.steps;

	nodes[i].key = key;
	heap_add(&heap, &nodes[i]);
	inside[i] = true;
	check_steps(before, heap.count);
}

static void drop(u32 i)
{
	u32 before = heap.steps, count = heap.count;

	heap_remove(&heap, &nodes[i]);
	inside[i] = false;
	check_steps(before, count);
}

/* _i: how many keys there are, in powers of ten: many that are equal, and none. */
START_TEST(random_operations)
{
	u64 keys = 1;

	start(_i);
	for (int i = 0; i < _i; i++)
		keys *= 10;
	for (u32 n = 0; n < OPERATIONS; n++) {
		u32 most = n % 8000 < 5000 ? NODES : NODES / 100; /* it grows, and it shrinks */
		u32 i = (u32)random_below(most);

		if (inside[i])
			drop(i);
		else
			add(i, random_below(keys));
		if (n % 32 == 0 || heap.count < 8) {
			check_shape();
			check_first();
		}
	}
}
END_TEST

static int by_key(const void *a, const void *b)
{
	u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return (left > right) - (left < right);
}

START_TEST(sorts)
{
	u64 sorted[NODES];

	start(_i);
	for (u32 i = 0; i < NODES; i++) {
		sorted[i] = random_below(NODES);
		add(i, sorted[i]);
	}
	qsort(sorted, NODES, sizeof(u64), by_key);
	for (u32 i = 0; i < NODES; i++) {
		struct heap_node *first = heap_first(&heap);

		EXPECT(first->key == sorted[i]);
		drop((u32)(first - nodes));
	}
	EXPECT(heap_first(&heap) == NULL);
}
END_TEST

/* Out of the middle, where the last node belongs above the gap, not below. */
START_TEST(gap_is_filled_from_below)
{
	static const u64 keys[] = { 1, 100, 2, 101, 102, 3, 4 };

	start(0);
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++)
		add(i, keys[i]);
	drop(3); /* under 100; 4 takes its place, and has to go up */
	check_shape();
	check_first();
}
END_TEST

UNIT_MAIN("base_heap", 120, { random_operations, 8 }, { sorts, 8 }, { gap_is_filled_from_below, 1 })
