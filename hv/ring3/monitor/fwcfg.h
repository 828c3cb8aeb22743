/* SPDX-License-Identifier: MIT */
/*
 * The part of QEMU's fw_cfg that bare-metal test kernels read: a 16-bit key to port 0x510, then the
 * item byte by byte from 0x511. Unknown keys and what lies behind an item read as zeros.
 */
#ifndef HV_MONITOR_FWCFG_H
#define HV_MONITOR_FWCFG_H

#include "hv/base/types.h"

struct monitor;

struct fwcfg {
	u16 key;
	u32 offset; /* of the next byte; stays at the end of what any item can hold */
};

u32 fwcfg_read(struct monitor *m, u32 unit, u32 offset);
void fwcfg_write(struct monitor *m, u32 unit, u32 offset, u32 value);

#endif
