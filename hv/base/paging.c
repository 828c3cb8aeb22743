/* SPDX-License-Identifier: MIT */
#include "hv/base/paging.h"

#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/base/string.h"

/* Bits of an entry, the same on all levels (SDM 3A tables 4-14 to 4-20). */
#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_USER     BIT(2)
#define PTE_PWT      BIT(3)
#define PTE_PCD      BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_LARGE    BIT(7) /* in a PDPT or a page directory */
#define PTE_GLOBAL   BIT(8)
#define PTE_NX       BIT(63)
#define PTE_ADDRESS  BITS(51, 12)

/* Levels: 0 a page table, 1 a page directory, 2 a PDPT, 3 the PML4. */
#define LEVEL_TOP 3u

static bool allowed_1g;

void pt_allow_1g(bool allowed)
{
	allowed_1g = allowed;
}

/* What one entry of that level maps. */
static u64 level_size(unsigned int level)
{
	return PAGE_SIZE << (9 * level);
}

static u64 *entry_of(hpa_t table, u64 va, unsigned int level)
{
	u64 *entries = hpa_to_ptr(table);

	return &entries[va >> (PAGE_SHIFT + 9 * level) & 511];
}

static hpa_t entry_table(u64 entry)
{
	return HPA(entry & PTE_ADDRESS);
}

static bool is_leaf(u64 entry, unsigned int level)
{
	return level == 0 || (entry & PTE_LARGE) != 0;
}

static bool is_canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

static bool is_low(u64 va)
{
	return va >> 63 == 0;
}

/* Whole pages, all in the same half. */
static bool is_range(u64 va, u64 len)
{
	u64 last = va + len - 1;

	return ((va | len) & PAGE_MASK) == 0 && len != 0 && last >= va && is_canonical(va) &&
	       is_canonical(last) && is_low(va) == is_low(last);
}

/* The table below an entry, made if there is none; raw 0: no memory, or a page is mapped there. */
static hpa_t table_below(u64 *entry, bool low_half)
{
	hpa_t table;

	if ((*entry & PTE_PRESENT) != 0)
		return (*entry & PTE_LARGE) != 0 ? HPA(0) : entry_table(*entry);
	table = frame_alloc();
	if (table.raw != 0)
		*entry = table.raw | PTE_PRESENT | PTE_WRITE | (low_half ? PTE_USER : 0);
	return table;
}

/* A page's bits; accessed and dirty are set, so that the processor need not. */
static u64 leaf_bits(u64 va, u32 flags, unsigned int level)
{
	return PTE_PRESENT | PTE_ACCESSED | ((flags & PT_WRITE) != 0 ? PTE_WRITE | PTE_DIRTY : 0) |
	       ((flags & PT_EXEC) != 0 ? 0 : PTE_NX) | ((flags & PT_USER) != 0 ? PTE_USER : 0) |
	       (is_low(va) ? 0 : PTE_GLOBAL) | ((flags & PT_DEVICE) != 0 ? PTE_PCD | PTE_PWT : 0) |
	       (level > 0 ? PTE_LARGE : 0);
}

static bool map_page(hpa_t root, u64 va, hpa_t hpa, unsigned int level, u32 flags)
{
	hpa_t table = root;
	u64 *entry;

	for (unsigned int l = LEVEL_TOP; l > level; l--) {
		table = table_below(entry_of(table, va, l), is_low(va));
		if (table.raw == 0)
			return false;
	}
	entry = entry_of(table, va, level);
	if (*entry != 0)
		return false;
	*entry = hpa.raw | leaf_bits(va, flags, level);
	return true;
}

/* The level of the largest page that may stand at va. */
static unsigned int best_level(u64 va, hpa_t hpa, u64 len, u32 flags)
{
	unsigned int level = allowed_1g ? 2 : 1;

	if ((flags & PT_SMALL) != 0)
		return 0;
	while (level > 0 &&
	       (((va | hpa.raw) & (level_size(level) - 1)) != 0 || len < level_size(level)))
		level--;
	return level;
}

/* Maps one page at va, a smaller one where a table is in the way; returns its size, 0: failed. */
static u64 map_next(hpa_t root, u64 va, hpa_t hpa, u64 len, u32 flags)
{
	unsigned int level = best_level(va, hpa, len, flags);

	while (!map_page(root, va, hpa, level, flags)) {
		if (level == 0)
			return 0;
		level--;
	}
	return level_size(level);
}

bool pt_map(hpa_t root, u64 va, hpa_t hpa, u64 len, u32 flags)
{
	u64 done = 0;

	if (!is_range(va, len) || (hpa.raw & ~PTE_ADDRESS) != 0)
		return false;
	if ((flags & PT_WRITE) != 0 && (flags & PT_EXEC) != 0)
		return false;
	if ((flags & PT_USER) != 0 && !is_low(va))
		return false;
	while (done < len) {
		u64 size = map_next(root, va + done, HPA(hpa.raw + done), len - done, flags);

		if (size == 0)
			break;
		done += size;
	}
	if (done == len)
		return true;
	if (done > 0 && !pt_unmap(root, va, done))
		__builtin_unreachable(); /* whole pages, mapped just now */
	return false;
}

/* The entry that decides about va, and its level: a page, or the first that is not present. */
static u64 *deciding_entry(hpa_t root, u64 va, unsigned int *level, u64 *all, u64 *any)
{
	hpa_t table = root;
	u64 *entry;

	*all = ~0ull;
	*any = 0;
	for (*level = LEVEL_TOP;; (*level)--) {
		entry = entry_of(table, va, *level);
		*all &= *entry;
		*any |= *entry;
		if ((*entry & PTE_PRESENT) == 0 || is_leaf(*entry, *level))
			return entry;
		table = entry_table(*entry);
	}
}

bool pt_unmap(hpa_t root, u64 va, u64 len)
{
	u64 end = va + len;
	u64 all, any;

	if (!is_range(va, len))
		return false;
	while (va != end) {
		unsigned int level;
		u64 *entry = deciding_entry(root, va, &level, &all, &any);
		u64 size = level_size(level);

		if ((*entry & PTE_PRESENT) == 0) {
			u64 skip = size - (va & (size - 1));

			if (skip >= end - va)
				break;
			va += skip;
			continue;
		}
		if ((va & (size - 1)) != 0 || end - va < size)
			return false;
		*entry = 0;
		va += size;
	}
	return true;
}

bool pt_translate(hpa_t root, u64 va, struct pt_mapping *out)
{
	unsigned int level;
	u64 all, any, size, *entry;

	if (!is_canonical(va))
		return false;
	entry = deciding_entry(root, va, &level, &all, &any);
	if ((*entry & PTE_PRESENT) == 0)
		return false;
	size = level_size(level);
	out->size = size;
	out->hpa = HPA((*entry & PTE_ADDRESS & ~(size - 1)) | (va & (size - 1)));
	out->left = size - (va & (size - 1));
	out->flags = ((all & PTE_WRITE) != 0 ? PT_WRITE : 0u) |
	             ((any & PTE_NX) == 0 ? PT_EXEC : 0u) | ((all & PTE_USER) != 0 ? PT_USER : 0u) |
	             ((*entry & PTE_PCD) != 0 ? PT_DEVICE : 0u);
	return true;
}

bool pt_share(hpa_t root, u64 va)
{
	return table_below(entry_of(root, va, LEVEL_TOP), false).raw != 0;
}

hpa_t pt_create(hpa_t kernel_root)
{
	hpa_t root = frame_alloc();

	if (root.raw != 0)
		memcpy(entry_of(root, USER_VA_END, LEVEL_TOP),
		       entry_of(kernel_root, USER_VA_END, LEVEL_TOP), PAGE_SIZE / 2);
	return root;
}

/* Frees the tables below the first `count` entries of a table, not itself. Three levels deep. */
static void free_below(hpa_t table, unsigned int level, unsigned int count)
{
	const u64 *entries = hpa_to_ptr(table);

	for (unsigned int i = 0; i < count; i++) {
		if ((entries[i] & PTE_PRESENT) == 0 || is_leaf(entries[i], level))
			continue;
		free_below(entry_table(entries[i]), level - 1, 512);
		frame_free(entry_table(entries[i]));
	}
}

void pt_destroy(hpa_t root)
{
	free_below(root, LEVEL_TOP, 256);
	frame_free(root);
}
