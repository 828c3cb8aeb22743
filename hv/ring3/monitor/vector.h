/* SPDX-License-Identifier: MIT */
/*
 * The guest's vector registers. They stay in the processor while its monitor works for it: ring 0
 * saves and loads them with the vCPU, and the monitor's own code is compiled without them.
 */
#ifndef HV_MONITOR_VECTOR_H
#define HV_MONITOR_VECTOR_H

#include "hv/base/types.h"

/* Register 0..15, its low 128 bits; what lies above them is kept. */
void vector_get(u32 reg, u8 bytes[16]);
void vector_set(u32 reg, const u8 bytes[16]);

#endif
