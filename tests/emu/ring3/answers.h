/* SPDX-License-Identifier: MIT */
/* What a monitor may say became of an instruction, and no processor would: a row of ring3.t each.
 */
#ifndef EMU_RING3_ANSWERS_H
#define EMU_RING3_ANSWERS_H

#include "guest-tools/lib/random.h"
#include "hv/abi/message.h"
#include "hv/base/string.h"

static u64 seed = 1;

static void no_registers(struct insn_result *r)
{
	memset(r->gpr, 0xff, sizeof(r->gpr));
	r->gpr[0] = 1ull << 63;
	r->gpr[4] = 0x8000000000000000ull | random_next(&seed); /* RSP */
	r->rflags = ~0ull;
	r->done = (u32)random_next(&seed) & 1;
}

static void no_length(struct insn_result *r)
{
	r->done = ~0u;
	r->length = (u32)random_next(&seed);
}

/* Each number in turn, those that are no fault of an instruction, or no exception, too. */
static void no_fault(struct insn_result *r)
{
	static u32 number;

	r->fault = number % 300 < 299 ? number % 300 : ~0u;
	number++;
	r->error = (u32)random_next(&seed) | 0xffff0000;
	r->cr2 = random_next(&seed);
	r->done = r->fault >= 32;
}

static void no_traps(struct insn_result *r)
{
	r->done = 1;
	r->length = (u32)random_next(&seed) & 0xf;
	r->breakpoints = ~0u;
	r->rflags = random_next(&seed);
}

static void no_sense(struct insn_result *r)
{
	u64 *word = (u64 *)(void *)r;

	for (u32 i = 0; i < sizeof(*r) / sizeof(*word); i++)
		word[i] = random_next(&seed);
	if ((random_next(&seed) & 1) != 0)
		r->fault = r->fault % 20;
}

#endif
