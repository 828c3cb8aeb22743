/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/ept.h"

#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"

#define EPT_TYPE_WB (6ull << EPT_TYPE_SHIFT)
#define EPT_ENTRIES 512u
#define EPT_TOP     3u /* levels 3 (PML4) .. 0 (page table) */

static u64 level_size(unsigned int level)
{
	return PAGE_SIZE << (9 * level);
}

static u64 *table_of(u64 entry)
{
	return hpa_to_ptr(HPA(entry & EPT_ADDRESS));
}

static unsigned int index_at(u64 gpa, unsigned int level)
{
	return (gpa >> (PAGE_SHIFT + 9 * level)) % EPT_ENTRIES;
}

bool ept_create(struct ept *ept, bool has_2m, bool has_1g)
{
	ept->has_2m = has_2m;
	ept->has_1g = has_1g;
	ept->root = frame_alloc();
	return ept->root.raw != 0;
}

/* The highest level at which one entry may map the next piece. */
static unsigned int leaf_level(const struct ept *ept, u64 gpa, u64 hpa, u64 len)
{
	unsigned int level = ept->has_1g ? 2 : ept->has_2m ? 1 : 0;

	while (level > 0 &&
	       (((gpa | hpa) & (level_size(level) - 1)) != 0 || len < level_size(level)))
		level--;
	return level;
}

/* The entry for gpa at `level`, with tables above it made as needed; NULL: no frame, or mapped. */
static u64 *entry_at(struct ept *ept, u64 gpa, unsigned int level)
{
	u64 *table = hpa_to_ptr(ept->root);

	for (unsigned int l = EPT_TOP; l > level; l--) {
		u64 *entry = &table[index_at(gpa, l)];

		if (*entry == 0) {
			hpa_t frame = frame_alloc();

			if (frame.raw == 0)
				return NULL;
			*entry = frame.raw | EPT_RIGHTS;
		} else if ((*entry & EPT_LARGE) != 0) {
			return NULL;
		}
		table = table_of(*entry);
	}
	return &table[index_at(gpa, level)];
}

bool ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, u64 len, u64 rights)
{
	while (len > 0) {
		unsigned int level = leaf_level(ept, gpa.raw, hpa.raw, len);
		u64 *entry = entry_at(ept, gpa.raw, level);

		if (entry == NULL || *entry != 0)
			return false;
		*entry = hpa.raw | rights | EPT_TYPE_WB | (level > 0 ? EPT_LARGE : 0);
		gpa.raw += level_size(level);
		hpa.raw += level_size(level);
		len -= level_size(level);
	}
	return true;
}

/* Recursion is bounded by the levels: 3. */
static void free_table(hpa_t table, unsigned int level)
{
	const u64 *entry = hpa_to_ptr(table);

	for (unsigned int i = 0; level > 0 && i < EPT_ENTRIES; i++)
		if (entry[i] != 0 && (entry[i] & EPT_LARGE) == 0)
			free_table(HPA(entry[i] & EPT_ADDRESS), level - 1);
	frame_free(table);
}

void ept_destroy(struct ept *ept)
{
	if (ept->root.raw != 0)
		free_table(ept->root, EPT_TOP);
	ept->root = HPA(0);
}
