/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/ept.h"

#include "hv/base/atomic.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/base/table.h"

#define EPT_MEMORY (6ull << EPT_TYPE_SHIFT | EPT_IGNORE_PAT)
#define SPLIT_SIZE (PAGE_SIZE << 9)

/* Takes a table for each large page that may be split; not cleared, ept_execute writes it all. */
static bool reserve_splits(struct ept *ept, u64 count)
{
	struct frames_take take = { 0 };
	enum frames_taken taken;

	do {
		taken = frames_take(&take, count, 1);
	} while (taken == FRAMES_MORE);
	if (taken == FRAMES_NONE)
		return false;
	ept->split = HPA(take.start << PAGE_SHIFT);
	ept->splits = count;
	return true;
}

bool ept_create(struct ept *ept, unsigned int largest, u64 small_code)
{
	*ept = (struct ept){ .largest = largest, .root = frame_alloc() };
	if (small_code == 0 || largest == 0 || ept->root.raw == 0)
		return ept->root.raw != 0;
	ept->largest = 1;
	return reserve_splits(ept, align_up(small_code, SPLIT_SIZE) / SPLIT_SIZE);
}

bool ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, u64 len, u64 rights)
{
	while (len > 0) {
		unsigned int level = table_level(gpa.raw, hpa, len, ept->largest);
		u64 *entry = table_reach(ept->root, gpa.raw, level, EPT_RIGHTS);

		if (entry == NULL || *entry != 0)
			return false;
		*entry = hpa.raw | rights | EPT_MEMORY | (level > 0 ? EPT_LARGE : 0);
		if (level > 0 && ept->splits != 0)
			*entry &= ~EPT_EXECUTE;
		gpa.raw += table_size(level);
		hpa.raw += table_size(level);
		len -= table_size(level);
	}
	return true;
}

/*
 * Several cores at once write the same entries, but for accessed and dirty bits that the processor
 * has set in between, which nothing reads.
 */
bool ept_execute(struct ept *ept, gpa_t gpa)
{
	u64 n = gpa.raw / SPLIT_SIZE;
	hpa_t table = HPA(ept->split.raw + n * PAGE_SIZE);
	u64 *entry, *pages, page;

	if (n >= ept->splits)
		return false;
	entry = table_reach(ept->root, gpa.raw, 1, EPT_RIGHTS); /* is there: it was mapped */
	page = atomic_load(entry);
	if ((page & EPT_LARGE) == 0)
		return page != 0; /* done meanwhile */
	page = (page & ~EPT_LARGE) | EPT_EXECUTE;
	pages = hpa_to_ptr(table);
	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*pages); i++, page += PAGE_SIZE)
		pages[i] = page;
	atomic_store(entry, table.raw | EPT_RIGHTS | TABLE_KEPT);
	return true;
}

bool ept_destroy(struct ept *ept, unsigned int *budget)
{
	if (ept->root.raw == 0)
		return true;
	if (!table_free_below(ept->root, TABLE_TOP, 512, budget))
		return false;
	frame_free(ept->root);
	if (ept->split.raw != 0)
		frames_free(ept->split, ept->splits);
	*ept = (struct ept){ .root = HPA(0) };
	return true;
}
