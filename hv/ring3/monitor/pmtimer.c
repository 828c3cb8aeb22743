/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/pmtimer.h"

#include "hv/ring3/monitor/monitor.h"
#include "hv/ring3/monitor/ticks.h"

u32 pmtimer_read(struct monitor *m, u32 unit, u32 offset)
{
	u64 hz = m->info->tsc_hz != 0 ? m->info->tsc_hz : 1;

	(void)unit;
	return ((u32)ticks_scale(m->now, PMTIMER_HZ, hz) & PMTIMER_MASK) >> (8 * offset);
}
