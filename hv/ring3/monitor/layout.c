/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/layout.h"

#include "hv/abi/counters.h"
#include "hv/abi/hypercall.h"

void layout_map(u64 memory, struct memory_range ranges[LAYOUT_RANGES])
{
	const struct memory_range map[LAYOUT_RANGES] = {
		{ 0, LAYOUT_LOW_END, MEMORY_RAM },
		{ LAYOUT_LOW_END, LAYOUT_HIGH - LAYOUT_LOW_END, MEMORY_RESERVED },
		{ LAYOUT_HIGH, memory - LAYOUT_HIGH, MEMORY_RAM },
		{ COUNTERS_GPA, MAX_VCPUS * COUNTERS_STRIDE, MEMORY_RESERVED },
		{ LAYOUT_IOAPIC, PAGE_SIZE, MEMORY_RESERVED },
		{ LAYOUT_LAPIC, PAGE_SIZE, MEMORY_RESERVED },
	};

	for (u32 i = 0; i < LAYOUT_RANGES; i++)
		ranges[i] = map[i];
}
