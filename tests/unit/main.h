/* SPDX-License-Identifier: MIT */
/* main() of a test program: one suite, one case, TAP or whatever the environment asks for. */
#ifndef TESTS_UNIT_MAIN_H
#define TESTS_UNIT_MAIN_H

#include "hv/base/types.h"

#include <check.h>

/* `count` > 1 runs the test that often, with _i as 0..count-1. */
struct unit_test {
	const TTest *test;
	int count;
};

/* seconds: how long each test may take. */
static inline int unit_main(const char *name, double seconds, const struct unit_test *tests,
                            size_t n)
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, seconds);
	for (size_t i = 0; i < n; i++)
		tcase_add_loop_test(t, tests[i].test, 0, tests[i].count > 1 ? tests[i].count : 1);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

#define UNIT_MAIN(name, seconds, ...)                                                              \
	int main(void)                                                                             \
	{                                                                                          \
		const struct unit_test tests[] = { __VA_ARGS__ };                                  \
		return unit_main(name, seconds, tests, ARRAY_SIZE(tests));                         \
	}

#endif
