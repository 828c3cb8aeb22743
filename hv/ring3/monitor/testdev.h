/* SPDX-License-Identifier: MIT */
/*
 * The part of QEMU's pc-testdev that test kernels use to play a device: a write to port 0x2000 + n
 * sets IOAPIC pin n's line to the value's truth.
 */
#ifndef HV_MONITOR_TESTDEV_H
#define HV_MONITOR_TESTDEV_H

#include "hv/base/types.h"

struct monitor;

void testdev_line_write(struct monitor *m, u32 unit, u32 offset, u32 value);

#endif
