/* SPDX-License-Identifier: MIT */
/* A guest's memory as the code that may touch it sees it: one run from guest-physical 0. */
#ifndef HV_BASE_GUEST_MEMORY_H
#define HV_BASE_GUEST_MEMORY_H

#include "hv/base/string.h"
#include "hv/base/types.h"

struct guest_memory {
	u8 *base;
	u64 size; /* a multiple of pages */
};

/*
 * Copies to or from memory that other vCPUs use meanwhile: 2, 4 and 8 bytes by one load and one
 * store, which are whole where the address is aligned, as a processor's are.
 */
static inline void guest_memory_copy(u8 *to, const u8 *from, u64 size)
{
	typedef volatile u16 ALIGNED(1) any_u16;
	typedef volatile u32 ALIGNED(1) any_u32;
	typedef volatile u64 ALIGNED(1) any_u64;

	switch (size) {
	case 2:
		*(any_u16 *)(void *)to = *(const any_u16 *)(const void *)from;
		break;
	case 4:
		*(any_u32 *)(void *)to = *(const any_u32 *)(const void *)from;
		break;
	case 8:
		*(any_u64 *)(void *)to = *(const any_u64 *)(const void *)from;
		break;
	default:
		memcpy(to, from, size);
		break;
	}
}

#endif
