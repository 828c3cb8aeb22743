/* SPDX-License-Identifier: MIT */
/* The guest page walk against a second one, over random page tables in every mode. */
#include "vmx/walk.h"

#include "tests/unit/vmx_second_walk.h"

#include <check.h>

static const enum walk_access accesses[] = { WALK_READ, WALK_WRITE, WALK_FETCH };

START_TEST(random_tables_as_the_second_walk)
{
	enum mode mode = (enum mode)_i;
	unsigned int outcomes[4] = { 0 }, errors[32] = { 0 };

	for (unsigned int i = 0; i < 200000; i++) {
		struct walk_state s = random_state(mode);
		enum walk_access access = accesses[any() % 3];
		u64 linear = random_linear(mode);
		struct walk ours, theirs;

		if (i % 1000 == 0)
			fill_tables(mode == MODE_32);
		ours = walk_translate(&memory, &s, linear, access);
		theirs = second(&s, linear, access);
		ck_assert_msg(ours.outcome == theirs.outcome && ours.error == theirs.error &&
		                      ours.gpa.raw == theirs.gpa.raw,
		              "mode %d linear %lx access %d cr0 %lx cr3 %lx cr4 %lx efer %lx: "
		              "%u %x %lx, expected %u %x %lx",
		              mode, linear, access, s.cr0, s.cr3, s.cr4, s.efer, ours.outcome,
		              ours.error, ours.gpa.raw, theirs.outcome, theirs.error,
		              theirs.gpa.raw);
		outcomes[ours.outcome]++;
		errors[ours.error & 31]++;
	}
	ck_assert_uint_gt(outcomes[WALK_DONE], 20000);
	if (mode == MODE_OFF)
		return;
	ck_assert_uint_gt(outcomes[WALK_UNREACHABLE], 100);
	ck_assert(mode < MODE_4 || outcomes[WALK_GP] > 100);
	for (u32 error = 0; error < 32; error++) { /* each combination that there is was met */
		bool both = (error & FAULT_W) && (error & FAULT_I);
		bool no_page = (error & FAULT_RSVD) && !(error & FAULT_P);

		ck_assert_msg(both || no_page || error == 0 || errors[error] > 0, "error %x",
		              error);
	}
}
END_TEST

START_TEST(error_code_names_what_was_wrong)
{
	struct walk_state s = long_mode;

	small_tables();
	ck_assert_uint_eq(walk_translate(&memory, &s, 0x123, WALK_FETCH).gpa.raw, 0x6123);
	ck_assert_uint_eq(walk_translate(&memory, &s, 0x2000, WALK_WRITE).error, FAULT_W);
	s.cpl = 3;
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_READ).error, FAULT_P | FAULT_U);
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_FETCH).error,
	                  FAULT_P | FAULT_U | FAULT_I);
	put(0x2000, 0x3003 | BIT(51));
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_READ).error,
	                  FAULT_P | FAULT_U | FAULT_RSVD);
	put(0x1000, 0x3003 | BIT(30));
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_READ).outcome, WALK_UNREACHABLE);
	ck_assert_uint_eq(walk_translate(&memory, &s, 1ul << 47, WALK_READ).outcome, WALK_GP);
}
END_TEST

#define A BIT(5)
#define D BIT(6)

/* A store at `linear` sets these bits of the words at `at`, and no others; and none where another
 * vCPU has changed the last word since the walk. */
static void store_marks(const struct walk_state *s, u64 linear, const u64 (*row)[2], u32 rows)
{
	static u8 expected[sizeof(ram)];
	struct walk_trace trace;
	u64 word;

	memcpy(expected, ram, sizeof(ram));
	ck_assert_uint_eq(walk_traced(&memory, s, linear, WALK_WRITE, &trace).outcome, WALK_DONE);
	ck_assert(walk_mark_dirty(s, linear, &trace));
	for (u32 i = 0; i < rows; i++) {
		memcpy(&word, expected + row[i][0], 8);
		put(row[i][0], word); /* as it was, for the second time */
		word |= row[i][1];
		memcpy(expected + row[i][0], &word, 8);
	}
	ck_assert(walk_mark_dirty(s, linear, &trace));
	ck_assert(memcmp(expected, ram, sizeof(ram)) == 0);
	memcpy(&word, ram + row[rows - 1][0], 8);
	put(row[rows - 1][0], (word ^ BIT(9)) & ~row[rows - 1][1]);
	ck_assert(!walk_mark_dirty(s, linear, &trace));
}

START_TEST(a_store_marks_its_path)
{
	struct walk_state s = long_mode;

	small_tables();
	store_marks(
		&s, 0x1123,
		(const u64[][2]){ { 0x1000, A }, { 0x2000, A }, { 0x3000, A }, { 0x4008, A | D } },
		4);
	s.efer = 0; /* PAE: the PDPTE has neither bit */
	memset(ram, 0, sizeof(ram));
	put(0x1000, 0x2001);
	put(0x2000, 0x3003);
	put(0x3008, 0xa003);
	store_marks(&s, 0x1123, (const u64[][2]){ { 0x2000, A }, { 0x3008, A | D } }, 2);
	s.cr4 = CR4_PSE; /* two entries of 32 bits in each word */
	memset(ram, 0, sizeof(ram));
	put(0x1000, 0x2003ull << 32 | 0x83);
	put(0x2000, 0xa003ull << 32);
	store_marks(&s, 0x401123,
	            (const u64[][2]){ { 0x1000, A << 32 }, { 0x2000, (A | D) << 32 } }, 2);
	store_marks(&s, 0x1123, (const u64[][2]){ { 0x1000, A | D } }, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_walk");
	TCase *tests = tcase_create("walk");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, random_tables_as_the_second_walk, 0, MODES);
	tcase_add_test(tests, error_code_names_what_was_wrong);
	tcase_add_test(tests, a_store_marks_its_path);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
