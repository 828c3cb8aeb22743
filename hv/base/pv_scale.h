/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* From ticks to nanoseconds by a shift and a multiplication, as KVM's clock page asks for it. */
#ifndef HV_BASE_PV_SCALE_H
#define HV_BASE_PV_SCALE_H

#include "hv/base/types.h"

/* ns = (ticks << shift) * mul / 2^32; a negative shift goes right. */
struct pv_scale {
	u32 mul; /* top bit set: no more precision would fit */
	s8 shift;
};

/* For a clock of `hz` ticks a second, which is not 0. Right to one part in 2^29. */
MUST_USE struct pv_scale pv_scale(u64 hz);

/* As a guest computes it: what is shifted beyond 64 bits is lost, after centuries. */
MUST_USE u64 pv_nanoseconds(struct pv_scale scale, u64 ticks);

#endif
