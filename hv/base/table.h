/* SPDX-License-Identifier: MIT */
/*
 * The tree of tables that page tables and EPT have in common: four levels of 512 entries, 0 a table
 * of 4 KiB pages, TABLE_TOP the root. In both, the bits below mean the same; a caller's own bits
 * come with what it stores. Tables come from the frame allocator; under its caller's lock.
 */
#ifndef HV_BASE_TABLE_H
#define HV_BASE_TABLE_H

#include "hv/base/bits.h"
#include "hv/base/types.h"

#define TABLE_TOP     3u
#define TABLE_PRESENT BIT(0)  /* EPT: readable, as everything in our trees is */
#define TABLE_LARGE   BIT(7)  /* a page, in a table above level 0 */
#define TABLE_KEPT    BIT(52) /* a table whose frame table_free_below leaves to its owner */
#define TABLE_ADDRESS BITS(51, 12)

/* Returns how many bytes one entry of that level maps. */
u64 table_size(unsigned int level);

/* The entry for `va` in a table of that level. */
u64 *table_entry(hpa_t table, u64 va, unsigned int level);

/* The highest level, `highest` at the most, at which one entry may map the next piece. */
unsigned int table_level(u64 va, hpa_t hpa, u64 len, unsigned int highest);

/*
 * The entry for `va` at `level`, below tables that are made as needed, with the bits `link` in
 * their entries. NULL: no memory, or a larger page is mapped there.
 */
u64 *table_reach(hpa_t root, u64 va, unsigned int level, u64 link);

/*
 * Frees the tables below the first `count` entries of a table, not itself, as many as `budget`
 * says, which it counts down. False: there are more. Nobody translates by them any more. Three
 * levels deep.
 */
MUST_USE bool table_free_below(hpa_t table, unsigned int level, unsigned int count,
                               unsigned int *budget);

static ALWAYS_INLINE hpa_t table_below(u64 entry)
{
	return HPA(entry & TABLE_ADDRESS);
}

static ALWAYS_INLINE bool table_is_leaf(u64 entry, unsigned int level)
{
	return level == 0 || (entry & TABLE_LARGE) != 0;
}

#endif
