/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/testdev.h"

#include "hv/ring3/monitor/monitor.h"

void testdev_line_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit;
	ioapic_set_line(m, offset, value != 0);
}
