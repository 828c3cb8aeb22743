/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/crt.h"

#include "hv/ring3/monitor/monitor.h"

u32 crt_read(struct monitor *m, u32 unit, u32 offset)
{
	(void)unit;
	return offset == 0 ? m->crt.index : m->crt.reg[m->crt.index];
}

void crt_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	(void)unit;
	if (offset == 0)
		m->crt.index = value % CRT_REGISTERS;
	else
		m->crt.reg[m->crt.index] = (u8)value;
}
