/* SPDX-License-Identifier: MIT */
/* A guest's memory as the code that may touch it sees it: one run from guest-physical 0. */
#ifndef HV_BASE_GUEST_MEMORY_H
#define HV_BASE_GUEST_MEMORY_H

#include "hv/base/types.h"

struct guest_memory {
	u8 *base;
	u64 size; /* a multiple of pages */
};

#endif
