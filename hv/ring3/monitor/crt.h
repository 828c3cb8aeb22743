/* SPDX-License-Identifier: MIT */
/*
 * Index and data registers of a CRT controller that shows nothing: kernels that move the cursor
 * read back what they wrote.
 */
#ifndef HV_MONITOR_CRT_H
#define HV_MONITOR_CRT_H

#include "hv/base/types.h"

#define CRT_PORT      0x3d4u
#define CRT_REGISTERS 32u

struct monitor;

struct crt {
	u8 index;
	u8 reg[CRT_REGISTERS];
};

/* Port functions, see ports.h. */
u32 crt_read(struct monitor *m, u32 unit, u32 offset);
void crt_write(struct monitor *m, u32 unit, u32 offset, u32 value);

#endif
