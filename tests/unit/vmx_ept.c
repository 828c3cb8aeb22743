/* SPDX-License-Identifier: MIT */
/*
 * EPT trees against what was mapped: each 4 KiB of guest-physical memory is looked up by a walk of
 * the test's own, after each step.
 */
#define DIRECT_MAP 0x200000000000ull
#include "hv/base/frames.c"
#include "hv/base/table.c"
#include "vmx/ept.c"

#include "tests/unit/main.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FRAMES 1024u
#define MIB    0x100000ull
#define GIB    0x40000000ull
#define MEMORY (8 * MIB)
#define HOST   HPA(3 * GIB) /* where the guest's memory is said to lie */

static u64 map[FRAMES / 64];
static struct ept ept;

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	abort();
}

static void setup(void)
{
	void *arena = mmap(hpa_to_ptr(HPA(0)), FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ck_assert_ptr_eq(arena, hpa_to_ptr(HPA(0)));
	frames_init(map, FRAMES);
	frames_give(HPA(PAGE_SIZE), HPA(FRAMES * PAGE_SIZE));
}

/* SDM 3C 29.3.2: the leaf for gpa, its level; 0: not mapped. No right is taken away on the way. */
static u64 leaf_of(u64 gpa, unsigned int *level)
{
	u64 table = ept.root.raw;

	for (*level = 3;; (*level)--) {
		const u64 *entries = hpa_to_ptr(HPA(table));
		u64 entry = entries[gpa >> (12 + 9 * *level) & 511];

		if ((entry & 7) == 0 || *level == 0 || (entry & BIT(7)) != 0)
			return entry;
		ck_assert_uint_eq(entry & 7, 7);
		ck_assert_uint_eq(entry & BITS(6, 3), 0); /* reserved */
		table = entry & BITS(51, 12);
	}
}

/* Every page of the memory leads where it should, with these rights on each level. */
static void check_memory(u64 small_rights, u64 large_rights)
{
	for (u64 gpa = 0; gpa < MEMORY; gpa += PAGE_SIZE) {
		unsigned int level;
		u64 leaf = leaf_of(gpa, &level);
		u64 size = PAGE_SIZE << (9 * level);

		ck_assert_uint_eq((leaf & BITS(51, 12) & ~(size - 1)) + (gpa & (size - 1)),
		                  HOST.raw + gpa);
		ck_assert_uint_eq(leaf & 7, level == 0 ? small_rights : large_rights);
		ck_assert_uint_eq(leaf >> 3 & 7, 6);      /* write-back */
		ck_assert_uint_eq(leaf & BIT(6), BIT(6)); /* the guest's PAT does not count */
	}
}

static u64 large_pages(void)
{
	u64 count = 0;

	for (u64 gpa = 0; gpa < MEMORY; gpa += 2 * MIB) {
		unsigned int level;

		(void)leaf_of(gpa, &level);
		count += level == 1;
	}
	return count;
}

static void create(unsigned int largest, u64 small_code)
{
	ck_assert(ept_create(&ept, largest, small_code));
	ck_assert(ept_map(&ept, GPA(0), HOST, MEMORY, EPT_RIGHTS));
}

/* One table at a time. */
static void destroy(struct ept *tree)
{
	unsigned int budget;

	do {
		budget = 1;
	} while (!ept_destroy(tree, &budget));
}

START_TEST(large_pages_are_executable)
{
	u64 before;

	setup();
	before = frames_free_count();
	create(1, 0);
	check_memory(7, 7);
	ck_assert_uint_eq(large_pages(), 4);
	ck_assert(!ept_execute(&ept, GPA(0)));
	destroy(&ept);
	create(0, 0);
	check_memory(7, 7);
	ck_assert_uint_eq(large_pages(), 0);
	destroy(&ept);
	ck_assert_uint_eq(frames_free_count(), before);
}
END_TEST

START_TEST(large_pages_are_split_when_executed)
{
	u64 before;

	setup();
	before = frames_free_count();
	create(2, MEMORY);
	check_memory(7, 3);
	ck_assert_uint_eq(large_pages(), 4);
	ck_assert(ept_execute(&ept, GPA(3 * MIB + 0x123)));
	check_memory(7, 3);
	ck_assert_uint_eq(large_pages(), 3);
	ck_assert(ept_execute(&ept, GPA(2 * MIB))); /* another CPU, which came by the old page */
	ck_assert(ept_execute(&ept, GPA(0)));
	ck_assert(ept_execute(&ept, GPA(MEMORY - 1)));
	check_memory(7, 3);
	ck_assert_uint_eq(large_pages(), 1);
	ck_assert(!ept_execute(&ept, GPA(MEMORY)));
	ck_assert(!ept_execute(&ept, GPA(~0ull)));
	destroy(&ept);
	ck_assert_uint_eq(frames_free_count(), before);
	ck_assert(!ept_execute(&ept, GPA(0)));
}
END_TEST

/* 1 GiB pages would be one step too far from 4 KiB ones. */
START_TEST(no_executable_gigabyte)
{
	unsigned int level;

	setup();
	ck_assert(ept_create(&ept, 2, GIB));
	ck_assert(ept_map(&ept, GPA(0), HPA(0), 2 * MIB, EPT_RIGHTS));
	ck_assert(!ept_map(&ept, GPA(0), HPA(0), GIB, EPT_RIGHTS)); /* mapped in part */
	destroy(&ept);
	ck_assert(ept_create(&ept, 2, 2 * MIB));
	ck_assert(ept_map(&ept, GPA(0), HPA(0), GIB, EPT_RIGHTS));
	ck_assert_uint_eq(leaf_of(0, &level) & 7, 3);
	ck_assert_uint_eq(level, 1);
	destroy(&ept);
	ck_assert(ept_create(&ept, 2, 0));
	ck_assert(ept_map(&ept, GPA(0), HPA(0), GIB, EPT_RIGHTS));
	ck_assert_uint_eq(leaf_of(0, &level) & 7, 7);
	ck_assert_uint_eq(level, 2);
	destroy(&ept);
}
END_TEST

/* All that a fetch will need is taken when the tree is made, or it is not made. */
START_TEST(no_frames_left)
{
	u64 before;
	hpa_t rest;

	setup();
	before = frames_free_count();
	rest = frames_alloc(before - 5, 1);
	ck_assert_uint_ne(rest.raw, 0);
	ck_assert(!ept_create(&ept, 1, 5 * 2 * MIB));
	destroy(&ept);
	ck_assert_uint_eq(frames_free_count(), 5);
	ck_assert(ept_create(&ept, 1, 2 * MIB));
	ck_assert(ept_map(&ept, GPA(0), HOST, 2 * MIB, EPT_RIGHTS));
	frames_free(rest, before - 5);
	rest = frames_alloc(frames_free_count(), 1);
	ck_assert_uint_eq(frames_free_count(), rest.raw != 0 ? 0 : frames_free_count());
	ck_assert(ept_execute(&ept, GPA(0)));
	destroy(&ept);
}
END_TEST

UNIT_MAIN("vmx_ept", 20, { large_pages_are_executable, 1 },
          { large_pages_are_split_when_executed, 1 }, { no_executable_gigabyte, 1 },
          { no_frames_left, 1 })
