/* SPDX-License-Identifier: MIT */
#include "hv/base/paging.h"

#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/base/string.h"
#include "hv/base/table.h"

/* Bits of an entry, the same on all levels (SDM 3A tables 4-14 to 4-20). */
#define PTE_PRESENT  TABLE_PRESENT
#define PTE_WRITE    BIT(1)
#define PTE_USER     BIT(2)
#define PTE_PWT      BIT(3)
#define PTE_PCD      BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_GLOBAL   BIT(8)
#define PTE_NX       BIT(63)

static bool allowed_1g;

void pt_allow_1g(bool allowed)
{
	allowed_1g = allowed;
}

static bool is_canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

static bool is_low(u64 va)
{
	return va >> 63 == 0;
}

/* Whether a range is whole pages, all in the same half. */
static bool is_range(u64 va, u64 len)
{
	u64 last = va + len - 1;

	return ((va | len) & PAGE_MASK) == 0 && len != 0 && last >= va && is_canonical(va) &&
	       is_canonical(last) && is_low(va) == is_low(last);
}

/* The rights in an entry for the table below it. */
static u64 link_bits(u64 va)
{
	return PTE_PRESENT | PTE_WRITE | (is_low(va) ? PTE_USER : 0);
}

/* A page's bits; accessed and dirty are set, so that the processor need not. */
static u64 leaf_bits(u64 va, u32 flags, unsigned int level)
{
	return PTE_PRESENT | PTE_ACCESSED | ((flags & PT_WRITE) != 0 ? PTE_WRITE | PTE_DIRTY : 0) |
	       ((flags & PT_EXEC) != 0 ? 0 : PTE_NX) | ((flags & PT_USER) != 0 ? PTE_USER : 0) |
	       (is_low(va) ? 0 : PTE_GLOBAL) | ((flags & PT_DEVICE) != 0 ? PTE_PCD | PTE_PWT : 0) |
	       ((flags & PT_COMBINE) != 0 ? PTE_PWT : 0) | (level > 0 ? TABLE_LARGE : 0);
}

static bool map_page(hpa_t root, u64 va, hpa_t hpa, unsigned int level, u32 flags)
{
	u64 *entry = table_reach(root, va, level, link_bits(va));

	if (entry == NULL || *entry != 0)
		return false;
	*entry = hpa.raw | leaf_bits(va, flags, level);
	return true;
}

/* Maps one page at va, a smaller one where a table is in the way; returns its size, 0: failed. */
static u64 map_next(hpa_t root, u64 va, hpa_t hpa, u64 len, u32 flags)
{
	unsigned int largest = (flags & PT_SMALL) != 0 ? 0 : allowed_1g ? 2 : 1;
	unsigned int level = table_level(va, hpa, len, largest);

	while (!map_page(root, va, hpa, level, flags)) {
		if (level == 0)
			return 0;
		level--;
	}
	return table_size(level);
}

bool pt_map(hpa_t root, u64 va, hpa_t hpa, u64 len, u32 flags)
{
	u64 done = 0;

	if (!is_range(va, len) || (hpa.raw & ~TABLE_ADDRESS) != 0)
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
	for (*level = TABLE_TOP;; (*level)--) {
		entry = table_entry(table, va, *level);
		*all &= *entry;
		*any |= *entry;
		if ((*entry & PTE_PRESENT) == 0 || table_is_leaf(*entry, *level))
			return entry;
		table = table_below(*entry);
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
		u64 size = table_size(level);

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
	size = table_size(level);
	out->size = size;
	out->hpa = HPA((*entry & TABLE_ADDRESS & ~(size - 1)) | (va & (size - 1)));
	out->left = size - (va & (size - 1));
	out->flags = ((all & PTE_WRITE) != 0 ? PT_WRITE : 0u) |
	             ((any & PTE_NX) == 0 ? PT_EXEC : 0u) | ((all & PTE_USER) != 0 ? PT_USER : 0u) |
	             ((*entry & PTE_PCD) != 0 ? PT_DEVICE : 0u);
	return true;
}

bool pt_share(hpa_t root, u64 va)
{
	return table_reach(root, va, TABLE_TOP - 1, PTE_PRESENT | PTE_WRITE) != NULL;
}

hpa_t pt_create(hpa_t kernel_page_table)
{
	hpa_t root = frame_alloc();

	if (root.raw != 0)
		memcpy(table_entry(root, USER_VA_END, TABLE_TOP),
		       table_entry(kernel_page_table, USER_VA_END, TABLE_TOP), PAGE_SIZE / 2);
	return root;
}

bool pt_destroy(hpa_t root, unsigned int *budget)
{
	if (!table_free_below(root, TABLE_TOP, 256, budget))
		return false;
	frame_free(root);
	return true;
}
