/* SPDX-License-Identifier: MIT */
/* The formatter behind printk, held against the C library's. */
#include "hv/base/format.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Both must write the same text and return its length. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[128], theirs[128];                                                       \
		size_t len = format(ours, sizeof(ours), __VA_ARGS__);                              \
		int want = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                          \
		ck_assert_str_eq(ours, theirs);                                                    \
		ck_assert_uint_eq(len, (size_t)want);                                              \
	} while (0)

START_TEST(numbers)
{
	SAME("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
	SAME("%ld %ld %lld", 0l, LONG_MIN, LLONG_MAX);
	SAME("%u %u %lu %llu", 0u, UINT_MAX, ULONG_MAX, 7ull);
	SAME("%x %x %lx", 0u, 0xdeadbeefu, 0x123456789abcdef0ul);
	SAME("%zu %zx", (size_t)1 << 40, (size_t)255);
}
END_TEST

START_TEST(widths)
{
	SAME("[%5d] [%-5d] [%05d] [%5d] [%05d]", 42, 42, 42, -42, -42);
	SAME("[%1d] [%2x] [%016lx] [%-8x]", 12345, 0xfffu, 0xfeedul, 0xau);
	SAME("[%020d] [%020ld] [%020lu]", -1, LONG_MIN, ULONG_MAX);
	SAME("[%10s] [%-10s] [%2s] [%c]", "right", "left", "longer", 'x');
	SAME("[%.*s] [%8.*s] [%.*s]", 2, "abcdef", 3, "abcdef", 9, "abc");
}
END_TEST

START_TEST(literals)
{
	SAME("plain");
	SAME("100%% of %s%%", "it");
	SAME("%s", "");
}
END_TEST

START_TEST(cut_at_every_length)
{
	char whole[64], out[64];
	size_t full = format(whole, sizeof(whole), "%s=%08x, %d", "name", 0xabcu, -17);

	for (size_t size = 1; size <= full + 1; size++) {
		memset(out, '!', sizeof(out));
		ck_assert_uint_eq(format(out, size, "%s=%08x, %d", "name", 0xabcu, -17), size - 1);
		ck_assert_int_eq(memcmp(out, whole, size - 1), 0);
		ck_assert_int_eq(out[size - 1], '\0');
		ck_assert_int_eq(out[size], '!');
	}
}
END_TEST

START_TEST(what_is_no_conversion)
{
	char out[32];
	const char *volatile odd = "%q %"; /* volatile: the compiler would object */
	const char *volatile null = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	format(out, sizeof(out), odd);
#pragma GCC diagnostic pop
	ck_assert_str_eq(out, "%q ");
	format(out, sizeof(out), "%s", null);
	ck_assert_str_eq(out, "(null)");
	format(out, sizeof(out), "%p", (void *)0x1234);
	ck_assert_str_eq(out, "1234");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("printk");
	TCase *tests = tcase_create("format");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, numbers);
	tcase_add_test(tests, widths);
	tcase_add_test(tests, literals);
	tcase_add_test(tests, cut_at_every_length);
	tcase_add_test(tests, what_is_no_conversion);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
