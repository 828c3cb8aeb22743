// SPDX-License-Identifier: MIT
/*
 * The model against its oracle, steered by a fuzzer: the input's bytes are the choices of
 * vapic_world.h, invariants are checked after each step, all state at the end.
 *
 * `make fuzz FUZZER=vapic` runs it under libFuzzer. Built without FUZZING it is a short test that
 * feeds itself random inputs.
 */
#include "hv/base/types.h"

#include <stdio.h>
#include <stdlib.h>

static void fail(const char *message)
{
	(void)fprintf(stderr, "%s\n", message);
	abort();
}

#define WORLD_FAIL(message) fail(message)

#ifdef FUZZING
/* The model is what is to be explored and watched, not the oracle. */
#undef UNUSED
#define UNUSED __attribute__((unused, no_sanitize("coverage", "address", "undefined")))
#endif

#include "tests/unit/vapic_world.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct world w;

/* First byte: number of vCPUs and kind of IDs. Second: features, how the APICs are brought up. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct choices c = { .data = data, .left = size };
	u32 shape = choose_byte(&c);
	u32 how = choose_byte(&c);
	u32 touched = 0;

	world_init(&w, shape % 8 == 7 ? 10 : 1 + shape % 4, shape >= 128,
	           how % 8 == 0 ? how >> 3 & 7 : 7);
	if (how & 0x40)
		world_enable(&w, how & 0x80 ? ~0u : choose_byte(&c));
	while (choices_left(&c)) {
		u32 i = world_step(&w, &c);

		touched |= 1u << i;
		world_check_invariants(&w, i);
	}
	for (u32 i = 0; i < w.vm.count; i++) {
		if (touched >> i & 1)
			world_check(&w, i);
	}
	return 0;
}

#ifndef FUZZING

#define INPUTS 20000u

int main(void)
{
	struct choices c = { .seed = 20231 };
	u8 input[512];

	for (u32 n = 0; n < INPUTS; n++) {
		u32 size = choose(&c, sizeof(input));

		for (u32 k = 0; k < size; k++)
			input[k] = (u8)choose_byte(&c);
		if (LLVMFuzzerTestOneInput(input, size) != 0)
			return 1;
	}
	(void)printf("ok 1 - %u random inputs\n1..1\n", INPUTS);
	return 0;
}

#endif
