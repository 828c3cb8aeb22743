/* SPDX-License-Identifier: MIT */
/* The byte rings between programs that do not trust each other. */
#include "tests/unit/ring3.h"

#include <pthread.h>

#include "hv/ring3/rt/ring.h"

static struct byte_ring ring;

START_TEST(in_order)
{
	u8 out[64];
	bool stalled;
	u32 next = 0, n;

	memset(&ring, 0, sizeof(ring));
	for (u32 i = 0; i < 3 * BYTE_RING_SIZE; i++) {
		ck_assert(ring_put(&ring, (u8)(i % 251)));
		if (i % 50 != 49)
			continue;
		n = ring_get(&ring, out, sizeof(out), &stalled);
		ck_assert_uint_eq(n, 50);
		ck_assert(!stalled);
		for (u32 k = 0; k < n; k++)
			ck_assert_uint_eq(out[k], next++ % 251);
	}
}
END_TEST

START_TEST(full)
{
	u8 out[4];
	bool stalled;

	memset(&ring, 0, sizeof(ring));
	ring.head = ring.tail = 0xfffffff0; /* positions wrap */
	for (u32 i = 0; i < BYTE_RING_SIZE; i++)
		ck_assert(ring_put(&ring, 1));
	ck_assert(!ring_put(&ring, 1));
	ck_assert_uint_eq(ring_room(&ring), 0);
	ck_assert_uint_eq(ring_get(&ring, out, 4, &stalled), 4);
	ck_assert(stalled);
	ck_assert_uint_eq(ring_room_after_put(&ring), 4);
}
END_TEST

/* Whatever the other side writes into the positions. */
START_TEST(hostile_positions)
{
	static const u32 wild[] = { 0,          1,          BYTE_RING_SIZE, BYTE_RING_SIZE + 1,
		                    0x7fffffff, 0x80000000, 0xffffffff };
	u8 out[BYTE_RING_SIZE];
	bool stalled;

	for (u32 h = 0; h < ARRAY_SIZE(wild); h++) {
		for (u32 t = 0; t < ARRAY_SIZE(wild); t++) {
			ring.head = wild[h];
			ring.tail = wild[t];
			ck_assert_uint_le(ring_used(&ring), BYTE_RING_SIZE);
			(void)!ring_put(&ring, 7);
			ck_assert_uint_le(ring_get(&ring, out, sizeof(out), &stalled),
			                  BYTE_RING_SIZE);
		}
	}
}
END_TEST

/*
 * A producer that stops when it finds less than BYTE_RING_LOW and goes on when it is told: with a
 * fence of ring.h or ring.c taken away, it sooner or later sleeps for ever, and the test times out.
 */
#define BYTES 300000u

static u32 wakes;

static void *produce(void *argument)
{
	(void)argument;
	for (u32 i = 0; i < BYTES; i++) {
		u32 seen = atomic_load(&wakes);

		while (!ring_put(&ring, (u8)i))
			;
		if (ring_room_after_put(&ring) >= BYTE_RING_LOW)
			continue;
		while (atomic_load(&wakes) == seen)
			;
	}
	return NULL;
}

START_TEST(wakes_are_not_lost)
{
	pthread_t thread;
	u8 out[1]; /* byte by byte, so that all of it happens at the border */
	bool stalled;
	u32 got = 0;

	memset(&ring, 0, sizeof(ring));
	ck_assert_int_eq(pthread_create(&thread, NULL, produce, NULL), 0);
	while (got < BYTES) {
		u32 n = ring_get(&ring, out, sizeof(out), &stalled);

		for (u32 i = 0; i < n; i++)
			ck_assert_uint_eq(out[i], (u8)(got + i));
		got += n;
		if (stalled)
			(void)atomic_add(&wakes, 1u);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

RING3_MAIN("rt_ring", in_order, full, hostile_positions, wakes_are_not_lost)
