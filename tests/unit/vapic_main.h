/* SPDX-License-Identifier: MIT */
/* main() of a test of the model, and the world that it looks at. */
#ifndef TESTS_UNIT_VAPIC_MAIN_H
#define TESTS_UNIT_VAPIC_MAIN_H

#include "tests/unit/main.h"

#define WORLD_FAIL(message) ck_abort_msg("%s", message)
#include "tests/unit/vapic_world.h"

#define VAPIC_MAIN(name, ...) UNIT_MAIN(name, 300, __VA_ARGS__)

#endif
