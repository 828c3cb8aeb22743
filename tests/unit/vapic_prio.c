// SPDX-License-Identifier: MIT
/* Priorities: all 2^24 combinations of TPR, in service and requested, against a second formula. */
#include "tests/unit/vapic_main.h"

static struct world w;

/* The rule told with classes alone: who has the highest class, and what does the CPU do? */
static void check_one(struct vapic *a, u32 tpr, u32 isr, u32 irr)
{
	u32 task = tpr / 16, service = isr / 16, request = irr / 16;
	u32 ppr = service > task ? service * 16 : tpr;
	bool taken = irr >= 16 && request > task && request > service;
	u32 held = irr >= 16 && !taken && request > service ? request : 0;
	u32 highest = task > service ? task : service;
	u32 apr = task >= request && task > service ? tpr
	                                            : (request > highest ? request : highest) * 16;

	a->reg[0x80 / 4] = tpr;
	if (vapic_ppr(a) != ppr || vapic_next(a) != (taken ? (int)irr : -1) ||
	    vapic_apr(a) != apr || vapic_held_class(a) != held)
		ck_abort_msg("TPR %#x ISR %#x IRR %#x: PPR %#x next %d APR %#x held %u", tpr, isr,
		             irr, vapic_ppr(a), vapic_next(a), vapic_apr(a), vapic_held_class(a));
}

static void put(struct vapic *a, u32 base, u8 *words, u32 vector)
{
	for (u32 k = 0; k < 8; k++)
		a->reg[base / 4 + k * 4] = 0;
	*words = 0;
	if (vector == 0)
		return;
	a->reg[base / 4 + vector / 32 * 4] = 1u << vector % 32;
	*words = (u8)(1u << vector / 32);
}

/* 0 stands for nothing in service or requested; 1..15 cannot be, and are left out. */
START_TEST(all_combinations)
{
	struct vapic *a = &w.mem[0];

	world_init(&w, 1, false, 7);
	for (u32 isr = (u32)_i * 64; isr < (u32)_i * 64 + 64; isr++) {
		if (isr > 0 && isr < 16)
			continue;
		put(a, 0x100, &a->isr_words, isr);
		for (u32 irr = 0; irr < 256; irr++) {
			if (irr > 0 && irr < 16)
				continue;
			put(a, 0x200, &a->irr_words, irr);
			for (u32 tpr = 0; tpr < 256; tpr++)
				check_one(a, tpr, isr, irr);
		}
	}
}
END_TEST

/* Every vector in turn from request to EOI, with all others requested or in service around it. */
START_TEST(nesting)
{
	struct vapic_effects fx;
	struct vapic *a = &w.mem[0];

	world_init(&w, 1, false, 7);
	world_enable(&w, ~0u);
	for (u32 v = 16; v < 256; v++)
		ck_assert_uint_eq(vapic_self_ipi(a, v, &fx), VAPIC_SENT | VAPIC_SELF);
	/* One of each class nests; its fellows wait for its EOI. */
	for (int depth = 0; depth < 15; depth++) {
		int v = vapic_next(a);

		ck_assert_int_eq(v, depth == 0 ? 255 : -1);
		if (v < 0)
			break;
		vapic_accept(a, (u8)v);
	}
	for (int v = 255; v >= 16; v--) {
		u32 todo = vapic_eoi(a, &fx);

		ck_assert_uint_eq(todo, v == 16 ? 0 : VAPIC_SELF);
		ck_assert_int_eq(vapic_next(a), v == 16 ? -1 : v - 1);
		if (v > 16)
			vapic_accept(a, (u8)(v - 1));
	}
	ck_assert_uint_eq(vapic_eoi(a, &fx), 0);
	/* And from below: each class interrupts the one before it. */
	for (int v = 16; v < 256; v += 16) {
		ck_assert_uint_eq(vapic_self_ipi(a, (u64)v, &fx), VAPIC_SENT | VAPIC_SELF);
		ck_assert_int_eq(vapic_next(a), v);
		vapic_accept(a, (u8)v);
		ck_assert_uint_eq(vapic_ppr(a), (u32)v);
	}
	for (int v = 240; v >= 16; v -= 16) {
		ck_assert_uint_eq(vapic_ppr(a), (u32)v);
		ck_assert_uint_eq(vapic_eoi(a, &fx), 0);
	}
	ck_assert_uint_eq(vapic_ppr(a), 0);
}
END_TEST

START_TEST(cr8_is_tpr)
{
	struct vapic_effects fx;
	struct vapic *a = &w.mem[0];
	u64 value;

	world_init(&w, 1, false, 7);
	world_enable(&w, ~0u);
	for (u64 v = 0; v < 16; v++) {
		ck_assert_uint_eq(vapic_cr8_write(a, v), 0);
		ck_assert_uint_eq(vapic_cr8(a), v);
		ck_assert_uint_eq(vapic_msr_read(a, 0x808, 0, &value), 0);
		ck_assert_uint_eq(value, v << 4);
	}
	for (u32 bit = 4; bit < 64; bit++)
		ck_assert_uint_eq(vapic_cr8_write(a, 1ull << bit), VAPIC_GP);
	ck_assert_uint_eq(vapic_cr8(a), 15);
	ck_assert_uint_eq(vapic_self_ipi(a, 0xf3, &fx), VAPIC_SENT | VAPIC_SELF);
	ck_assert_int_eq(vapic_next(a), -1);
	ck_assert_uint_eq(vapic_cr8_write(a, 14), VAPIC_SELF);
	ck_assert_int_eq(vapic_next(a), 0xf3);
}
END_TEST

VAPIC_MAIN("vapic_prio", { all_combinations, 4 }, { nesting, 1 }, { cr8_is_tpr, 1 })
