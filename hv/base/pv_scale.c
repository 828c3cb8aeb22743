/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/base/pv_scale.h"

#define NS_PER_SECOND 1000000000u

struct pv_scale pv_scale(u64 hz)
{
	s8 shift = 0;

	/* To between one and two ticks a nanosecond: then mul has its top bit set, and fits. */
	for (; hz <= NS_PER_SECOND; shift++)
		hz <<= 1;
	for (; hz > 2ull * NS_PER_SECOND; shift--)
		hz = (hz + 1) >> 1;
	return (struct pv_scale){ (u32)(((u64)NS_PER_SECOND << 32) / hz), shift };
}

u64 pv_nanoseconds(struct pv_scale scale, u64 ticks)
{
	u64 shifted = scale.shift < 0 ? ticks >> -scale.shift : ticks << scale.shift;

	return (u64)((unsigned __int128)shifted * scale.mul >> 32);
}
