/* SPDX-License-Identifier: MIT */
/* Ticks to nanoseconds, against division in 128 bits. */
#include "hv/base/pv_scale.h"

#include "hv/base/bits.h"

#include <check.h>
#include <stdlib.h>

typedef unsigned __int128 u128;

static const u64 rates[] = {
	1,          1000,       4999999,    5000000,    5000504,    999999999,  1000000000,
	1000000001, 1999999999, 2000000000, 2000000001, 2400000000, 2999999999, 3000000000,
	4000000000, 4000000001, 5200000000, 8000000001, 1ull << 40, 1ull << 50,
};

static u64 exact(u64 hz, u64 ticks)
{
	return (u64)((u128)ticks * 1000000000 / hz);
}

/* What is lost is below one part in 2^29, and two nanoseconds. */
static void check_close(u64 hz, u64 ticks)
{
	u64 got = pv_nanoseconds(pv_scale(hz), ticks);
	u64 wanted = exact(hz, ticks);
	u64 apart = got > wanted ? got - wanted : wanted - got;

	ck_assert_msg(apart <= (wanted >> 29) + 2, "%lu Hz, %lu ticks: %lu ns, not %lu", hz, ticks,
	              got, wanted);
}

START_TEST(as_by_division)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		for (u64 ticks = 1; ticks < 1ull << 54 && exact(rates[i], ticks) < 1ull << 60;
		     ticks += ticks / 3 + 1)
			check_close(rates[i], ticks);
	}
}
END_TEST

START_TEST(any_rate)
{
	u64 x = 1;

	for (int i = 0; i < 200000; i++) {
		u64 hz;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		hz = x >> (x % 50 + 10) | 1;
		check_close(hz, hz);
		check_close(hz, x >> 40);
	}
}
END_TEST

START_TEST(all_bits_of_the_multiplier)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++)
		ck_assert_uint_eq(pv_scale(rates[i]).mul >> 31, 1);
	ck_assert_uint_eq(pv_scale(2000000000).mul, 0x80000000);
	ck_assert_int_eq(pv_scale(2000000000).shift, 0);
	ck_assert_int_eq(pv_scale(1000000000).shift, 1);
	ck_assert_int_eq(pv_scale(4000000000).shift, -1);
}
END_TEST

/* Linux finds the TSC's rate in the page so. */
START_TEST(a_guest_finds_the_rate)
{
	for (unsigned int i = 2; i < ARRAY_SIZE(rates) - 2; i++) {
		struct pv_scale s = pv_scale(rates[i]);
		u64 khz = (1000000ull << 32) / s.mul;

		khz = s.shift < 0 ? khz << -s.shift : khz >> s.shift;
		ck_assert_uint_le(khz, rates[i] / 1000 + 1);
		ck_assert_uint_ge(khz + 1 + (rates[i] > 2000000000 ? 3 : 0), rates[i] / 1000);
	}
}
END_TEST

START_TEST(time_does_not_go_back)
{
	struct pv_scale s = pv_scale(2999999999);
	u64 last = 0;

	for (u64 ticks = 1ull << 40; ticks < (1ull << 40) + 100000; ticks++) {
		ck_assert_uint_ge(pv_nanoseconds(s, ticks), last);
		last = pv_nanoseconds(s, ticks);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pv_scale");
	TCase *tc = tcase_create("pv_scale");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, as_by_division);
	tcase_add_test(tc, any_rate);
	tcase_add_test(tc, all_bits_of_the_multiplier);
	tcase_add_test(tc, a_guest_finds_the_rate);
	tcase_add_test(tc, time_does_not_go_back);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
