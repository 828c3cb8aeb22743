/* SPDX-License-Identifier: MIT */
/* Reproducible pseudo-random numbers; the seed is the state. */
#ifndef GUEST_RANDOM_H
#define GUEST_RANDOM_H

#include "hv/base/types.h"

static inline u64 random_next(u64 *seed)
{
	u64 x;

	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	x = *seed;
	return (x ^ x >> 29) * 0x9e3779b97f4a7c15ull ^ x >> 47;
}

#endif
