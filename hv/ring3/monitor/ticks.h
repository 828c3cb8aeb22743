/* SPDX-License-Identifier: MIT */
/* Clocks of devices, made of the host's TSC. Pure. */
#ifndef HV_MONITOR_TICKS_H
#define HV_MONITOR_TICKS_H

#include "hv/base/types.h"

/* value * mul / div without overflow as long as the result and div * mul fit into 64 bits. */
static inline u64 ticks_scale(u64 value, u64 mul, u64 div)
{
	return value / div * mul + value % div * mul / div;
}

#endif
