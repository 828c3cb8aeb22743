/* SPDX-License-Identifier: MIT */
/* Numbers at random, the same in each run: Marsaglia's xorshift. */
#ifndef TESTS_UNIT_ANY_H
#define TESTS_UNIT_ANY_H

#include "hv/base/types.h"

/* A test may set it, to repeat or to vary a run. Never 0. */
static u64 seed = 0x9e3779b97f4a7c15ull;

static inline u64 any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

#endif
