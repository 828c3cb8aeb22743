/* SPDX-License-Identifier: MIT */
/* Distributions of measured times. Samples are kept one by one, in ticks, at most 2^32 - 1 each. */
#ifndef GUEST_STATS_H
#define GUEST_STATS_H

#include "hv/base/types.h"

#define SAMPLES_MAX 32768u

struct samples {
	u32 n;
	u32 value[SAMPLES_MAX];
};

struct distribution {
	u32 n, min, p50, p99, max;
	u64 sum;
};

/* Adds one; those beyond SAMPLES_MAX are dropped, those too large are cut. */
static ALWAYS_INLINE void samples_add(struct samples *samples, u64 ticks)
{
	if (samples->n < SAMPLES_MAX)
		samples->value[samples->n++] = ticks > UINT32_MAX ? UINT32_MAX : (u32)ticks;
}

/* Sorts the samples in place. Percentiles by nearest rank; all zero if there are none. */
struct distribution samples_distribution(struct samples *samples);

#endif
