/* SPDX-License-Identifier: MIT */
/*
 * The page tables against an array of pages: after each step every page of the range is looked up,
 * and every entry of every table is looked at.
 */
#define DIRECT_MAP 0x200000000000ull
#include "hv/base/frames.c"
#include "hv/base/table.c"
#include "hv/base/paging.c"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FRAMES 256u
#define MIB    0x100000ull
#define GIB    0x40000000ull

static u64 map[FRAMES / 64];
static hpa_t kernel, root;

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
	pt_allow_1g(true);
	kernel = frame_alloc();
	root = pt_create(kernel);
	ck_assert_uint_ne(root.raw, 0);
}

static bool table_entry_is_right(u64 e, bool low)
{
	/* rights are the leaf's affair */
	return (e & ~TABLE_ADDRESS) == (PTE_PRESENT | PTE_WRITE | (low ? PTE_USER : 0));
}

static bool leaf_is_right(u64 e, unsigned int level, bool low)
{
	return level < TABLE_TOP && ((e & PTE_WRITE) == 0 || (e & PTE_NX) != 0) && /* W^X */
	       ((e & PTE_GLOBAL) != 0) == !low && (low || (e & PTE_USER) == 0) &&
	       (e & TABLE_ADDRESS & (table_size(level) - 1)) == 0;
}

/* Looks at each entry below a table. */
static void check_tables(hpa_t table, unsigned int level, bool low)
{
	const u64 *entries = hpa_to_ptr(table);
	u32 wrong = 0;

	for (unsigned int i = 0; i < 512; i++) {
		u64 e = entries[i];

		if (level == TABLE_TOP)
			low = i < 256;
		if ((e & PTE_PRESENT) == 0) {
			wrong += e != 0;
		} else if (table_is_leaf(e, level)) {
			wrong += !leaf_is_right(e, level, low);
		} else {
			wrong += !table_entry_is_right(e, low);
			check_tables(table_below(e), level - 1, low);
		}
	}
	ck_assert_uint_eq(wrong, 0);
}

/* In steps of one table each: every call but the last says that there is more. */
static void destroy(hpa_t r)
{
	unsigned int calls = 0, budget;

	do {
		budget = 1;
		calls++;
	} while (!pt_destroy(r, &budget));
	ck_assert_uint_lt(calls, FRAMES);
}

START_TEST(largest_pages_are_used)
{
	static const struct {
		u64 va, hpa, len, at, size;
	} rows[] = {
		{ 0x400000, 0x200000, 2 * MIB, 0x400000, 2 * MIB },
		{ 0x401000, 0x201000, 2 * MIB, 0x401000, PAGE_SIZE },
		{ 0x400000, 0x201000, 2 * MIB, 0x400000, PAGE_SIZE },
		{ 0x400000, 0x200000, 2 * MIB - PAGE_SIZE, 0x400000, PAGE_SIZE },
		{ 0x3ff000, 0x1ff000, 4 * MIB, 0x400000, 2 * MIB },
		{ 0x3ff000, 0x1ff000, 4 * MIB, 0x3ff000, PAGE_SIZE },
		{ 2 * GIB, GIB, GIB, 2 * GIB + 5, GIB },
		{ 2 * GIB, GIB + 2 * MIB, GIB, 2 * GIB + 5, 2 * MIB },
		{ DEVICE_AREA, 0xfee00000, PAGE_SIZE, DEVICE_AREA + 0x30, PAGE_SIZE },
	};
	struct pt_mapping m;
	u64 free_before = frames_free_count();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		hpa_t r = pt_create(kernel);

		ck_assert(pt_map(r, rows[i].va, HPA(rows[i].hpa), rows[i].len, PT_WRITE));
		ck_assert(pt_translate(r, rows[i].at, &m));
		ck_assert_uint_eq(m.size, rows[i].size);
		ck_assert_uint_eq(m.hpa.raw, rows[i].hpa + (rows[i].at - rows[i].va));
		ck_assert_uint_eq(m.left, m.size - rows[i].at % m.size);
		ck_assert(!pt_translate(r, rows[i].va - 1, &m));
		ck_assert(!pt_translate(r, rows[i].va + rows[i].len, &m));
		check_tables(r, TABLE_TOP, true);
		ck_assert(pt_unmap(r, rows[i].va, rows[i].len));
		ck_assert(!pt_translate(r, rows[i].at, &m));
		destroy(r);
	}
	/* The tables of the upper half are the kernel's, and stay: here the last row's. */
	ck_assert_uint_eq(frames_free_count(), free_before - 3);
}
END_TEST

START_TEST(every_set_of_rights)
{
	struct pt_mapping m;

	for (u32 flags = 0; flags < PT_SMALL; flags++) {
		u64 va = 0x400000 + flags * 2 * MIB;
		bool ok = (flags & (PT_WRITE | PT_EXEC)) != (PT_WRITE | PT_EXEC);

		ck_assert_int_eq(pt_map(root, va, HPA(0x200000), 2 * MIB, flags), ok);
		ck_assert_int_eq(pt_translate(root, va, &m), ok);
		if (ok)
			ck_assert_uint_eq(m.flags, flags);
		ck_assert(!pt_map(root, STACK_AREA, HPA(0), PAGE_SIZE, PT_USER | flags));
	}
	check_tables(root, TABLE_TOP, true);
	ck_assert(pt_map(root, GIB, HPA(0x200000), 2 * MIB, PT_SMALL));
	ck_assert(pt_translate(root, GIB, &m));
	ck_assert_uint_eq(m.size, PAGE_SIZE);
}
END_TEST

START_TEST(what_is_no_range_is_refused)
{
	static const struct {
		u64 va, hpa, len;
	} rows[] = {
		{ 0x400001, 0, PAGE_SIZE },
		{ 0x400000, 1, PAGE_SIZE },
		{ 0x400000, 0, PAGE_SIZE - 1 },
		{ 0x400000, 0, 0 },
		{ USER_VA_END - PAGE_SIZE, 0, 2 * PAGE_SIZE },
		{ USER_VA_END, 0, PAGE_SIZE },
		{ 0x400000, 0, ~PAGE_MASK },
		{ ~PAGE_MASK, 0, 2 * PAGE_SIZE },
		{ 0x400000, 1ull << 52, PAGE_SIZE },
	};
	struct pt_mapping m;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert(!pt_map(root, rows[i].va, HPA(rows[i].hpa), rows[i].len, 0));
	ck_assert(!pt_unmap(root, USER_VA_END, PAGE_SIZE));
	ck_assert(!pt_unmap(root, 0x400800, PAGE_SIZE));
	ck_assert(!pt_translate(root, USER_VA_END, &m));
	ck_assert(pt_map(root, ~PAGE_MASK, HPA(0), PAGE_SIZE, 0)); /* the very last page */
	ck_assert(pt_translate(root, ~0ull, &m));
	ck_assert(pt_unmap(root, ~PAGE_MASK, PAGE_SIZE));
	ck_assert(!pt_translate(root, ~0ull, &m));
}
END_TEST

START_TEST(part_of_a_large_page_cannot_be_unmapped)
{
	struct pt_mapping m;

	ck_assert(pt_map(root, 0x400000, HPA(0x200000), 4 * MIB, PT_USER));
	ck_assert(!pt_unmap(root, 0x401000, PAGE_SIZE));
	ck_assert(!pt_unmap(root, 0x400000, 2 * MIB - PAGE_SIZE));
	ck_assert(pt_translate(root, 0x400000, &m));
	ck_assert(!pt_unmap(root, 0x400000, 3 * MIB)); /* the first goes, the second stays */
	ck_assert(!pt_translate(root, 0x400000, &m));
	ck_assert(pt_translate(root, 0x600000, &m));
}
END_TEST

/* However early memory runs out, a mapping that fails leaves nothing behind but empty tables. */
START_TEST(out_of_memory_at_every_point)
{
	struct pt_mapping m;
	u32 tries = 0;
	u32 wrong = 0;
	bool done = false;

	for (u32 spare = 0; !done; spare++, tries++) {
		hpa_t r = pt_create(kernel);
		hpa_t hoard = HPA(0);

		while (frames_free_count() > spare) { /* a list through the frames themselves */
			hpa_t frame = frame_alloc();

			*(hpa_t *)hpa_to_ptr(frame) = hoard;
			hoard = frame;
		}
		done = pt_map(r, GIB - 2 * MIB - PAGE_SIZE, HPA(2 * MIB - PAGE_SIZE), 5 * MIB,
		              PT_USER | PT_WRITE);
		for (u64 va = GIB - 4 * MIB; va < GIB + 5 * MIB; va += PAGE_SIZE) {
			bool inside = va >= GIB - 2 * MIB - PAGE_SIZE &&
			              va < GIB + 3 * MIB - PAGE_SIZE;

			wrong += pt_translate(r, va, &m) != (done && inside);
		}
		check_tables(r, TABLE_TOP, true);
		while (hoard.raw != 0) {
			hpa_t next = *(hpa_t *)hpa_to_ptr(hoard);

			frame_free(hoard);
			hoard = next;
		}
		destroy(r);
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(tries, 6); /* a PDPT, two directories, two page tables: 0 to 5 spare */
	ck_assert_uint_eq(frames_free_count(), FRAMES - 3);
}
END_TEST

#define MODEL_VA    (GIB - 4 * MIB)
#define MODEL_PAGES 2048u /* 8 MiB across a GiB boundary */

static struct {
	u64 hpa; /* of this page; 1: not mapped */
	u64 size;
} model[MODEL_PAGES];

static void check_model(void)
{
	struct pt_mapping m;
	u32 wrong = 0; /* one assertion for all: each costs a system call */

	for (u32 i = 0; i < MODEL_PAGES; i++) {
		bool mapped = pt_translate(root, MODEL_VA + i * PAGE_SIZE, &m);

		wrong += mapped ? m.hpa.raw != model[i].hpa : model[i].hpa != 1;
		model[i].size = mapped ? m.size : 0;
	}
	ck_assert_uint_eq(wrong, 0);
	check_tables(root, TABLE_TOP, true);
}

static bool model_empty(u32 first, u32 count)
{
	for (u32 i = first; i < first + count; i++) {
		if (model[i].hpa != 1)
			return false;
	}
	return true;
}

/* Whether [first, first + count) cuts through a large page at either end. */
static bool model_cuts(u32 first, u32 count)
{
	u32 end = first + count;
	bool low = model[first].hpa != 1 && first * PAGE_SIZE % model[first].size != 0;
	bool high = end < MODEL_PAGES && model[end].hpa != 1 &&
	            end * PAGE_SIZE % model[end].size != 0;

	return low || high;
}

START_TEST(random_work_agrees_with_an_array)
{
	for (u32 i = 0; i < MODEL_PAGES; i++)
		model[i].hpa = 1;
	srand(2);
	for (int step = 0; step < 1500; step++) {
		u32 first = (u32)rand() % MODEL_PAGES & (rand() % 2 ? ~0u : ~511u);
		u32 count = 1 + (u32)rand() % (rand() % 2 ? MODEL_PAGES : 16);
		u64 va, len;

		count = MIN(count, MODEL_PAGES - first);
		va = MODEL_VA + first * PAGE_SIZE;
		len = count * PAGE_SIZE;
		if (rand() % 2 == 0) {
			u64 hpa = ((u64)rand() % 64 * 2 * MIB) + (rand() % 2 ? va % (2 * MIB) : 0);
			bool empty = model_empty(first, count);

			ck_assert_int_eq(pt_map(root, va, HPA(hpa), len, PT_USER), empty);
			for (u32 i = 0; empty && i < count; i++)
				model[first + i].hpa = hpa + i * PAGE_SIZE;
		} else if (!model_cuts(first, count)) {
			ck_assert(pt_unmap(root, va, len));
			for (u32 i = 0; i < count; i++)
				model[first + i].hpa = 1;
		}
		check_model();
	}
	destroy(root);
	ck_assert_uint_eq(frames_free_count(), FRAMES - 2);
}
END_TEST

START_TEST(roots_share_the_upper_half)
{
	struct pt_mapping m;
	hpa_t early = pt_create(kernel);
	hpa_t late;
	u64 before = frames_free_count();

	ck_assert(pt_share(kernel, DEVICE_AREA));
	ck_assert(pt_share(kernel, DEVICE_AREA));
	late = pt_create(kernel);
	ck_assert(pt_map(kernel, DEVICE_AREA, HPA(0xfee00000), PAGE_SIZE, PT_WRITE | PT_DEVICE));
	ck_assert(!pt_translate(early, DEVICE_AREA, &m));
	ck_assert(pt_translate(late, DEVICE_AREA, &m));
	ck_assert_uint_eq(m.flags, PT_WRITE | PT_DEVICE);
	ck_assert(pt_map(late, 0x400000, HPA(0x5000), PAGE_SIZE, PT_USER));
	destroy(late);
	destroy(early);
	ck_assert(pt_translate(kernel, DEVICE_AREA, &m));
	ck_assert(!pt_translate(kernel, 0x400000, &m));
	ck_assert_uint_eq(frames_free_count(), before + 1 - 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("paging");
	TCase *tests = tcase_create("paging");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, largest_pages_are_used);
	tcase_add_test(tests, every_set_of_rights);
	tcase_add_test(tests, what_is_no_range_is_refused);
	tcase_add_test(tests, part_of_a_large_page_cannot_be_unmapped);
	tcase_add_test(tests, out_of_memory_at_every_point);
	tcase_add_test(tests, random_work_agrees_with_an_array);
	tcase_add_test(tests, roots_share_the_upper_half);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
