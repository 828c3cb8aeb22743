/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/ept.h"

#include "hv/base/frames.h"
#include "hv/base/table.h"

#define EPT_TYPE_WB (6ull << EPT_TYPE_SHIFT)

bool ept_create(struct ept *ept, bool has_2m, bool has_1g)
{
	ept->largest = has_1g ? 2 : has_2m ? 1 : 0;
	ept->root = frame_alloc();
	return ept->root.raw != 0;
}

bool ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, u64 len, u64 rights)
{
	while (len > 0) {
		unsigned int level = table_level(gpa.raw, hpa, len, ept->largest);
		u64 *entry = table_reach(ept->root, gpa.raw, level, EPT_RIGHTS);

		if (entry == NULL || *entry != 0)
			return false;
		*entry = hpa.raw | rights | EPT_TYPE_WB | (level > 0 ? EPT_LARGE : 0);
		gpa.raw += table_size(level);
		hpa.raw += table_size(level);
		len -= table_size(level);
	}
	return true;
}

bool ept_destroy(struct ept *ept, unsigned int *budget)
{
	if (ept->root.raw == 0)
		return true;
	if (!table_free_below(ept->root, TABLE_TOP, 512, budget))
		return false;
	frame_free(ept->root);
	ept->root = HPA(0);
	return true;
}
