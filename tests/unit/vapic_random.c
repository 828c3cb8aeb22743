// SPDX-License-Identifier: MIT
/*
 * The model against its oracle, over random sequences of everything a guest, its devices and its
 * hypervisor can do. Each seed is one sequence; VAPIC_SEED and VAPIC_STEPS in the environment run
 * one seed alone and print each step's number. Seeds that once failed are kept in `kept`.
 */
#include <check.h>

static const char *world_where(void);
#define WORLD_FAIL(message) ck_abort_msg("%s: %s", world_where(), message)

#include "tests/unit/vapic_world.h"

#define SEEDS 240u
#define STEPS 1500u

static u32 the_seed, the_step;
static struct world world;

static const char *world_where(void)
{
	static char text[60];

	(void)snprintf(text, sizeof(text), "seed %u step %u", the_seed, the_step);
	return text;
}

static void run(u32 seed, u32 steps)
{
	struct choices c = { .seed = seed * 0x9e3779b97f4a7c15ull + 1 };
	u32 features = seed % 8 == 7 ? choose(&c, 8) : 7;

	the_seed = seed;
	the_step = 0;
	world_init(&world, 1 + seed % 10, seed / 10 % 2 == 1, features);
	if (seed % 3 != 0)
		world_enable(&world, choose(&c, 2) ? ~0u : choose(&c, 256));
	for (the_step = 1; the_step <= steps; the_step++) {
		u32 i = world_step(&world, &c);

		world_check(&world, i);
		if (the_step % 32 == 0) {
			for (i = 0; i < world.vm.count; i++)
				world_check(&world, i);
		}
	}
}

/* Seeds that failed once, with the number of steps it took. */
static const struct {
	u32 seed, steps;
} kept[] = {
	/* TMICT that the processor had stored outlived deadline mode. */
	{ 150, 149 },
};

START_TEST(seeds)
{
	for (u32 seed = (u32)_i * 20; seed < (u32)_i * 20 + 20; seed++)
		run(seed, STEPS);
}
END_TEST

START_TEST(kept_seeds)
{
	run(kept[_i].seed, kept[_i].steps);
}
END_TEST

START_TEST(one_seed)
{
	run((u32)strtoul(getenv("VAPIC_SEED"), NULL, 0),
	    getenv("VAPIC_STEPS") ? (u32)strtoul(getenv("VAPIC_STEPS"), NULL, 0) : STEPS);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vapic_random");
	TCase *t = tcase_create("random");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 300);
	if (getenv("VAPIC_SEED")) {
		tcase_add_test(t, one_seed);
	} else {
		tcase_add_loop_test(t, kept_seeds, 0, (int)ARRAY_SIZE(kept));
		tcase_add_loop_test(t, seeds, 0, (int)(SEEDS / 20));
	}
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
