/* SPDX-License-Identifier: MIT */
/* main() of a test program: one suite, one case, TAP or whatever the environment asks for. */
#ifndef TESTS_UNIT_VAPIC_MAIN_H
#define TESTS_UNIT_VAPIC_MAIN_H

#include <check.h>

#define WORLD_FAIL(message) ck_abort_msg("%s", message)
#include "tests/unit/vapic_world.h"

/* `count` > 1 runs the test that often, with _i as 0..count-1. */
struct vapic_test {
	const TTest *test;
	int count;
};

static inline int vapic_main(const char *name, const struct vapic_test *tests, size_t n)
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 300);
	for (size_t i = 0; i < n; i++)
		tcase_add_loop_test(t, tests[i].test, 0, tests[i].count > 1 ? tests[i].count : 1);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

#define VAPIC_MAIN(name, ...)                                                                      \
	int main(void)                                                                             \
	{                                                                                          \
		const struct vapic_test tests[] = { __VA_ARGS__ };                                 \
		return vapic_main(name, tests, ARRAY_SIZE(tests));                                 \
	}

#endif
