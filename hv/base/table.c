/* SPDX-License-Identifier: MIT */
#include "hv/base/table.h"

#include "hv/base/frames.h"
#include "hv/base/memory.h"

#define ENTRIES 512u

u64 table_size(unsigned int level)
{
	return PAGE_SIZE << (9 * level);
}

u64 *table_entry(hpa_t table, u64 va, unsigned int level)
{
	u64 *entries = hpa_to_ptr(table);

	return &entries[(va >> (PAGE_SHIFT + 9 * level)) % ENTRIES];
}

unsigned int table_level(u64 va, hpa_t hpa, u64 len, unsigned int highest)
{
	while (highest > 0 &&
	       (((va | hpa.raw) & (table_size(highest) - 1)) != 0 || len < table_size(highest)))
		highest--;
	return highest;
}

u64 *table_reach(hpa_t root, u64 va, unsigned int level, u64 link)
{
	u64 *entry = table_entry(root, va, TABLE_TOP);

	for (unsigned int l = TABLE_TOP; l > level; l--) {
		if ((*entry & TABLE_PRESENT) == 0) {
			hpa_t frame = frame_alloc();

			if (frame.raw == 0)
				return NULL;
			*entry = frame.raw | link;
		} else if ((*entry & TABLE_LARGE) != 0) {
			return NULL;
		}
		entry = table_entry(table_below(*entry), va, l - 1);
	}
	return entry;
}

bool table_free_below(hpa_t table, unsigned int level, unsigned int count, unsigned int *budget)
{
	u64 *entries = hpa_to_ptr(table);

	for (unsigned int i = 0; i < count; i++) {
		if ((entries[i] & (TABLE_PRESENT | TABLE_KEPT)) != TABLE_PRESENT ||
		    table_is_leaf(entries[i], level))
			continue;
		if (level > 1 &&
		    !table_free_below(table_below(entries[i]), level - 1, ENTRIES, budget))
			return false;
		if (*budget == 0)
			return false;
		--*budget;
		frame_free(table_below(entries[i]));
		entries[i] = 0;
	}
	return true;
}
