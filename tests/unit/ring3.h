/* SPDX-License-Identifier: MIT */
/* Parts that tests of ring-3 code share: main() and text sinks. */
#ifndef TESTS_UNIT_RING3_H
#define TESTS_UNIT_RING3_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/types.h"
#include "hv/ring3/rt/out.h"

static inline int ring3_main(const char *name, const TTest *const tests[], size_t n)
{
	Suite *suite = suite_create(name);
	TCase *all = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(all, tests[i]);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#define RING3_MAIN(name, ...)                                                                      \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = { __VA_ARGS__ };                                      \
		return ring3_main(name, tests, ARRAY_SIZE(tests));                                 \
	}

/* A sink whose text a test looks at. */
struct ring3_text {
	struct out_memory memory;
	char text[65536];
};

static inline struct out *ring3_text(struct ring3_text *t)
{
	out_memory_init(&t->memory, t->text, sizeof(t->text));
	return &t->memory.out;
}

#define ck_assert_holds(text, part)                                                                \
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text)
#define ck_assert_lacks(text, part)                                                                \
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part, text)

#endif
