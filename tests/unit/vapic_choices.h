/* SPDX-License-Identifier: MIT */
/* Draws the next operation from a stream of bytes: a random generator, or a fuzzer's input. */
#ifndef TESTS_UNIT_VAPIC_CHOICES_H
#define TESTS_UNIT_VAPIC_CHOICES_H

#include "tests/unit/vapic_pair.h"

struct choices {
	const u8 *data; /* NULL: random */
	size_t left;
	u64 seed;
};

static UNUSED bool choices_left(const struct choices *c)
{
	return c->data == NULL || c->left > 0;
}

static UNUSED u32 choose_byte(struct choices *c)
{
	if (c->data == NULL) {
		c->seed ^= c->seed << 13;
		c->seed ^= c->seed >> 7;
		c->seed ^= c->seed << 17;
		return (u32)(c->seed >> 32) & 0xff;
	}
	if (c->left == 0)
		return 0;
	c->left--;
	return *c->data++;
}

/* 0..n-1 */
static UNUSED u32 choose(struct choices *c, u32 n)
{
	return (n > 256 ? choose_byte(c) << 8 | choose_byte(c) : choose_byte(c)) % n;
}

static UNUSED u64 choose_u64(struct choices *c)
{
	u64 v = 0;

	for (u32 bytes = choose(c, 9); bytes > 0; bytes--)
		v = v << 8 | choose_byte(c);
	return v;
}

/* Few vectors, so that they meet; some illegal. */
static UNUSED u32 choose_vector(struct choices *c)
{
	static const u8 some[] = { 0, 15, 16, 31, 32, 33, 63, 64, 127, 128, 200, 254, 255 };
	u32 k = choose(c, 32);

	return k < ARRAY_SIZE(some) ? some[k] : choose_byte(c);
}

static UNUSED u32 choose_dest(struct choices *c, const struct world *w)
{
	switch (choose(c, 6)) {
	case 0:
		return 0xff;
	case 1:
		return 0xffffffff;
	case 2:
		return choose(c, 4) << 16 | (u32)choose_u64(c) % 65536;
	case 3:
		return (u32)choose_u64(c);
	default:
		return w->oracle.apic[choose(c, w->vm.count)].id;
	}
}

static UNUSED u32 choose_icr_low(struct choices *c)
{
	static const u32 mode[] = { 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0 };
	u32 low = choose_vector(c) | mode[choose(c, ARRAY_SIZE(mode))] << 8;
	u32 bits = choose_byte(c);

	low |= (bits & 1) << 11;
	low |= (bits >> 1 & 3) << 14;
	if (bits & 8)
		low |= (bits >> 4 & 3) << 18;
	if ((bits & 0xc0) == 0xc0)
		low ^= 1u << choose(c, 32);
	return low;
}

static UNUSED u32 choose_offset(struct choices *c)
{
	static const u16 hot[] = { 0x80,  0xb0,  0xd0,  0xe0,  0xf0,  0x280, 0x300, 0x310,
		                   0x320, 0x350, 0x360, 0x370, 0x380, 0x3e0, 0x2f0, 0x340 };

	if (choose(c, 4) != 0)
		return hot[choose(c, ARRAY_SIZE(hot))];
	return choose(c, 4096);
}

/* A value that suits the register more often than not. */
static UNUSED u64 choose_value(struct choices *c, const struct world *w, u32 offset)
{
	switch (offset) {
	case 0x80:
		return choose_vector(c);
	case 0xb0:
	case 0x280:
		return choose(c, 8) == 0 ? choose_u64(c) : 0;
	case 0xe0:
		return choose(c, 3) == 0 ? choose_u64(c) : choose(c, 2) * 0xf0000000ull;
	case 0xf0:
		return choose(c, 4) == 0 ? choose_u64(c)
		                         : 0x100u | choose_vector(c) | choose(c, 2) << 12;
	case 0x300:
		return choose_icr_low(c) | (u64)choose_dest(c, w) << 32;
	case 0x310:
	case 0xd0:
		return (u64)choose_dest(c, w) << 24 & 0xffffffff;
	case 0x2f0:
	case 0x320 ... 0x37f:
		return choose(c, 4) == 0 ? choose_u64(c)
		                         : choose_vector(c) | choose(c, 16) << 15 |
		                                   (choose(c, 4) == 0 ? choose(c, 8) << 8 : 0);
	case 0x380:
		return choose(c, 3) == 0 ? (u32)choose_u64(c) : choose(c, 1000);
	default:
		return choose_u64(c);
	}
}

#endif
