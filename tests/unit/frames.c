/* SPDX-License-Identifier: MIT */
/* The frame allocator against a plain array of owners, on an arena that stands for RAM. */
#define DIRECT_MAP 0x200000000000ull
#include "hv/base/frames.c"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FRAMES 1000u /* not a multiple of a bitmap's word */

static u64 map[16];

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	puts("");
	va_end(args);
	abort();
}

static void setup(void)
{
	void *arena = mmap(hpa_to_ptr(HPA(0)), FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ck_assert_ptr_eq(arena, hpa_to_ptr(HPA(0)));
	memset(arena, 0xaa, FRAMES * PAGE_SIZE);
	frames_init(map, FRAMES);
}

static bool is_zero(hpa_t start, u64 frames)
{
	const u8 *p = hpa_to_ptr(start);

	for (u64 i = 0; i < frames << PAGE_SHIFT; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

START_TEST(starts_empty)
{
	ck_assert_uint_eq(frames_free_count(), 0);
	ck_assert_uint_eq(frame_alloc().raw, 0);
	ck_assert_uint_eq(frames_alloc(0, 1).raw, 0);
}
END_TEST

START_TEST(gives_whole_frames_reserves_touched_ones)
{
	frames_give(HPA(0x1001), HPA(0x4fff)); /* frames 2 and 3 */
	ck_assert_uint_eq(frames_free_count(), 2);
	frames_give(HPA(0x1001), HPA(0x4fff));
	ck_assert_uint_eq(frames_free_count(), 2);
	frames_reserve(HPA(0x2fff), HPA(0x3001)); /* touches both */
	ck_assert_uint_eq(frames_free_count(), 0);
	frames_give(HPA(0), HPA(~0ull & ~PAGE_MASK));
	ck_assert_uint_eq(frames_free_count(), FRAMES);
	frames_reserve(HPA(0), HPA(PAGE_SIZE));
	frames_reserve(HPA(5000 * PAGE_SIZE), HPA(6000 * PAGE_SIZE));
	ck_assert_uint_eq(frames_free_count(), FRAMES - 1);
}
END_TEST

START_TEST(hands_out_each_frame_once_lowest_first_and_zeroed)
{
	frames_give(HPA(PAGE_SIZE), HPA(FRAMES * PAGE_SIZE));
	for (u64 i = 1; i < FRAMES; i++) {
		hpa_t frame = frame_alloc();

		ck_assert_uint_eq(frame.raw, i * PAGE_SIZE);
		ck_assert(is_zero(frame, 1));
	}
	ck_assert_uint_eq(frame_alloc().raw, 0);
	ck_assert_uint_eq(frames_free_count(), 0);
	frame_free(HPA(999 * PAGE_SIZE));
	frame_free(HPA(7 * PAGE_SIZE));
	ck_assert_uint_eq(frame_alloc().raw, 7 * PAGE_SIZE);
	ck_assert_uint_eq(frame_alloc().raw, 999 * PAGE_SIZE);
}
END_TEST

START_TEST(runs_fit_around_what_is_taken)
{
	hpa_t run;

	frames_give(HPA(PAGE_SIZE), HPA(FRAMES * PAGE_SIZE));
	frames_reserve(HPA(600 * PAGE_SIZE), HPA(601 * PAGE_SIZE));
	ck_assert_uint_eq(frames_alloc(89, 512).raw, 0);
	ck_assert_uint_eq(frames_alloc(FRAMES, 1).raw, 0);
	ck_assert_uint_eq(frames_alloc(~0ull, 1).raw, 0);
	run = frames_alloc(88, 512);
	ck_assert_uint_eq(run.raw, 512 * PAGE_SIZE);
	ck_assert(is_zero(run, 88));
	ck_assert_uint_eq(frames_alloc(399, 1).raw, 1 * PAGE_SIZE);
	ck_assert_uint_eq(frames_alloc(399, 1).raw, 601 * PAGE_SIZE);
	frames_free(run, 88);
	ck_assert_uint_eq(frames_alloc(64, 64).raw, 448 * PAGE_SIZE);
}
END_TEST

/* Random work; the array says who owns what, and every answer is held against it. */
START_TEST(random_work_agrees_with_an_array)
{
	static u8 taken[FRAMES];
	static struct {
		u64 start, count;
	} runs[200];
	u32 used = 0;
	u32 twice = 0;
	u64 free_frames = FRAMES - 1;

	frames_give(HPA(PAGE_SIZE), HPA(FRAMES * PAGE_SIZE));
	srand(1);
	for (int step = 0; step < 20000; step++) {
		if (used < 200 && rand() % 2 == 0) {
			u64 count = (u64)(rand() % 20) + 1;
			u64 align = 1ull << (rand() % 5);
			u64 start = frames_alloc(count, align).raw >> PAGE_SHIFT;

			if (start == 0)
				continue;
			ck_assert_uint_eq(start % align, 0);
			for (u64 i = start; i < start + count; i++)
				twice += taken[i]++ != 0;
			runs[used].start = start;
			runs[used++].count = count;
			free_frames -= count;
		} else if (used > 0) {
			u32 i = (u32)rand() % used;

			frames_free(HPA(runs[i].start << PAGE_SHIFT), runs[i].count);
			memset(taken + runs[i].start, 0, runs[i].count);
			free_frames += runs[i].count;
			runs[i] = runs[--used];
		}
		ck_assert_uint_eq(frames_free_count(), free_frames);
	}
	ck_assert_uint_eq(twice, 0);
}
END_TEST

/* Calls until the run is there or is not; none may take more than a piece. */
static enum frames_taken take(struct frames_take *t, u64 count, u64 align, u32 *calls)
{
	enum frames_taken result = FRAMES_MORE;

	for (*calls = 0; result == FRAMES_MORE; ++*calls) {
		u64 free_before = frames_free_count();
		u64 after;

		result = frames_take(t, count, align);
		after = frames_free_count();
		ck_assert_uint_le(after > free_before ? after - free_before : free_before - after,
		                  FRAMES_PIECE);
	}
	return result;
}

#define MANY (10 * FRAMES_PIECE)

/* Runs of several pieces: around a taken frame, which is met late, and where there is no room. */
START_TEST(long_runs_are_taken_in_pieces)
{
	static u64 large[MANY / 64];
	struct frames_take t = { 0 };
	u32 calls;

	frames_init(large, MANY);
	frames_give(HPA(0), HPA(MANY * PAGE_SIZE));
	frames_reserve(HPA(0), HPA(PAGE_SIZE));
	frames_reserve(HPA(3 * FRAMES_PIECE * PAGE_SIZE), HPA((3 * FRAMES_PIECE + 1) * PAGE_SIZE));
	ck_assert_int_eq(take(&t, 5 * FRAMES_PIECE, 512, &calls), FRAMES_ALL);
	ck_assert_uint_eq(t.start, 3 * FRAMES_PIECE + 512);
	ck_assert_uint_gt(calls, 5 + 3);
	ck_assert_uint_eq(frames_free_count(), MANY - 2 - 5 * FRAMES_PIECE);
	t = (struct frames_take){ 0 };
	ck_assert_int_eq(take(&t, 5 * FRAMES_PIECE, 512, &calls), FRAMES_NONE);
	ck_assert_int_eq(take(&t, MANY + 1, 1, &calls), FRAMES_NONE);
	ck_assert_int_eq(take(&t, ~0ull, 1, &calls), FRAMES_NONE);
	ck_assert_uint_eq(frames_free_count(), MANY - 2 - 5 * FRAMES_PIECE);
	t = (struct frames_take){ 0 };
	ck_assert_int_eq(take(&t, 512, 512, &calls), FRAMES_ALL);
	ck_assert_uint_eq(t.start, 512);
	frames_free(HPA((3 * FRAMES_PIECE + 512) * PAGE_SIZE), 5 * FRAMES_PIECE);
	frames_free(HPA(512 * PAGE_SIZE), 512);
	ck_assert_uint_eq(frames_free_count(), MANY - 2);
}
END_TEST

START_TEST(freeing_what_is_free_stops)
{
	frames_give(HPA(PAGE_SIZE), HPA(FRAMES * PAGE_SIZE));
	frame_free(HPA(5 * PAGE_SIZE));
}
END_TEST

START_TEST(freeing_what_is_not_ours_stops)
{
	frames_free(HPA(999 * PAGE_SIZE), 2);
}
END_TEST

START_TEST(freeing_half_a_frame_stops)
{
	frame_free(HPA(0x1800));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frames");
	TCase *tests = tcase_create("frames");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, starts_empty);
	tcase_add_test(tests, gives_whole_frames_reserves_touched_ones);
	tcase_add_test(tests, hands_out_each_frame_once_lowest_first_and_zeroed);
	tcase_add_test(tests, runs_fit_around_what_is_taken);
	tcase_add_test(tests, random_work_agrees_with_an_array);
	tcase_add_test(tests, long_runs_are_taken_in_pieces);
	tcase_add_test_raise_signal(tests, freeing_what_is_free_stops, SIGABRT);
	tcase_add_test_raise_signal(tests, freeing_what_is_not_ours_stops, SIGABRT);
	tcase_add_test_raise_signal(tests, freeing_half_a_frame_stops, SIGABRT);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
