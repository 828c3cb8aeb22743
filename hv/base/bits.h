/* SPDX-License-Identifier: MIT */
/* Bit arithmetic. Pure; every function is total unless its comment says otherwise. */
#ifndef HV_BASE_BITS_H
#define HV_BASE_BITS_H

#include "hv/base/types.h"

#define BIT(n)   (1ull << (n))
#define BIT32(n) (1u << (n))
/* Bits hi..lo inclusive, 63 >= hi >= lo. */
#define BITS(hi, lo) ((~0ull >> (63 - (hi))) & (~0ull << (lo)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* The value of bits hi..lo of v, shifted down. */
static ALWAYS_INLINE u64 bits_get(u64 v, unsigned int hi, unsigned int lo)
{
	return (v & BITS(hi, lo)) >> lo;
}

/* Rounds up to a multiple of align, a power of two; the caller excludes overflow. */
static ALWAYS_INLINE u64 align_up(u64 v, u64 align)
{
	return (v + align - 1) & ~(align - 1);
}

static ALWAYS_INLINE u64 align_down(u64 v, u64 align)
{
	return v & ~(align - 1);
}

/* Index of the lowest and highest set bit; v must not be 0. */
static ALWAYS_INLINE unsigned int bit_lowest(u64 v)
{
	return (unsigned int)__builtin_ctzll(v);
}

static ALWAYS_INLINE unsigned int bit_highest(u64 v)
{
	return 63u ^ (unsigned int)__builtin_clzll(v); /* one BSR */
}

/*
 * v with bit n set, cleared; n below 32. One instruction each, where the compiler would make a mask
 * of three and share it.
 */
static ALWAYS_INLINE u32 bit_added(u32 v, u32 n)
{
	__asm__("bts %1, %0" : "+r"(v) : "r"(n) : "cc");
	return v;
}

static ALWAYS_INLINE u32 bit_cleared(u32 v, u32 n)
{
	__asm__("btr %1, %0" : "+r"(v) : "r"(n) : "cc");
	return v;
}

/* Set bits of v. Written out: the machine's popcnt is not to be taken for granted. */
static ALWAYS_INLINE unsigned int bit_count(u64 v)
{
	unsigned int n = 0;

	for (; v != 0; v &= v - 1)
		n++;
	return n;
}

#endif
