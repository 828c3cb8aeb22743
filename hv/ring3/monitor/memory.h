/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical addresses that are no RAM: the devices that are there, and holes, which read ones
 * and drop what is written. The local APIC is ring 0's.
 */
#ifndef HV_MONITOR_MEMORY_H
#define HV_MONITOR_MEMORY_H

#include "hv/base/types.h"

struct monitor;

/* size: 1..8, within one page. False: nothing is there. */
bool memory_read(struct monitor *m, u64 gpa, u32 size, u64 *value);
bool memory_write(struct monitor *m, u64 gpa, u32 size, u64 value);

#endif
