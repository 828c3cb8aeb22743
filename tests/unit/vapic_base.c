// SPDX-License-Identifier: MIT
/* IA32_APIC_BASE: all moves; RESET and INIT in each mode. */
#include "tests/unit/vapic_main.h"

#define ADDRESS 0xfee00000ull
#define EN      0x800ull
#define EXTD    0x400ull

static struct world w;

/* The SDM's state diagram as a matrix: from disabled, xAPIC, x2APIC; to EN, EXTD as numbered. */
static const u64 target_bits[4] = { 0, EN, EN | EXTD, EXTD };
static const bool legal[3][4] = {
	[VAPIC_DISABLED] = { true, true, false, false },
	[VAPIC_XAPIC] = { true, true, true, false },
	[VAPIC_X2APIC] = { true, false, true, false },
};

static void begin(enum vapic_mode mode, u32 features)
{
	u32 todo;

	world_init(&w, 10, true, features);
	world_enable(&w, mode == VAPIC_X2APIC ? ~0u : 0);
	for (u32 i = 0; mode == VAPIC_DISABLED && i < 10; i++) {
		struct expect e = { 0 };

		o_base_write(&w.oracle, (int)i, ADDRESS, &e);
		todo = vapic_base_write(&w.mem[i], ADDRESS);
		ck_assert_uint_eq(todo, e.todo);
	}
}

START_TEST(every_move)
{
	for (u32 to = 0; to < 4; to++) {
		begin((enum vapic_mode)_i, 7);
		for (u32 i = 0; i < 10; i++) {
			u64 old = w.mem[i].base;
			u32 todo = vapic_base_write(&w.mem[i], ADDRESS | target_bits[to]);

			if (!legal[_i][to]) {
				ck_assert_uint_eq(todo, VAPIC_GP);
				ck_assert_uint_eq(w.mem[i].base, old);
				continue;
			}
			ck_assert_uint_eq(todo, VAPIC_MODE | VAPIC_TIMER);
			ck_assert_uint_eq(w.mem[i].base, ADDRESS | target_bits[to]);
			ck_assert_int_eq((int)vapic_mode(&w.mem[i]), (int)to);
		}
	}
}
END_TEST

/* All pairs of moves, with every single bit flipped on the way, against the oracle. */
START_TEST(every_bit_of_every_move)
{
	for (u32 features = 0; features < 8; features += 7) {
		for (u32 to = 0; to < 4; to++) {
			for (u32 bit = 0; bit <= 64; bit++) {
				u64 value = ADDRESS | target_bits[to];
				struct vapic_effects fx;
				struct expect e = { 0 };
				u32 i = bit % 10;

				begin((enum vapic_mode)_i, features);
				if (bit < 64)
					value ^= 1ull << bit;
				o_base_write(&w.oracle, (int)i, value, &e);
				world_check_return(&w,
				                   vapic_msr_write(&w.mem[i], 0x1b, value, 0, &fx),
				                   &fx, &e);
				world_check(&w, i);
			}
		}
	}
}
END_TEST

/* A register of each kind is given a value; then it is seen what remains of it. */
static void dirty(u32 i)
{
	struct vapic *a = &w.mem[i];
	bool x2apic = vapic_mode(a) == VAPIC_X2APIC;

	for (u32 offset = 0; offset < 0x400; offset += 16) {
		static const u16 some[] = { 0x80,  0xd0,  0xe0,  0x2f0, 0x320,
			                    0x350, 0x370, 0x380, 0x3e0, 0x310 };
		struct vapic_effects fx;
		struct expect e = { 0 };

		for (u32 k = 0; k < ARRAY_SIZE(some); k++) {
			u64 value = offset == 0x3e0 ? 3 : offset == 0x310 ? 0 : 0xf7;

			if (some[k] != offset)
				continue;
			if (x2apic) {
				o_msr_write(&w.oracle, (int)i, 0x800 + offset / 16, value, 5, &e);
				world_check_return(
					&w, vapic_msr_write(a, 0x800 + offset / 16, value, 5, &fx),
					&fx, &e);
				continue;
			}
			value |= 0x80000000;
			o_mmio_write(&w.oracle, (int)i, offset, 4, value, 5, &e);
			world_check_return(&w, vapic_mmio_write(a, offset, 4, value, 5, &fx), &fx,
			                   &e);
		}
	}
	for (u32 v = 40; v < 44; v++) {
		struct vapic_effects fx;
		struct expect e = { 0 };
		struct vapic_icr m = { .vector = (u8)v, .shorthand = VAPIC_TO_SELF };

		o_send(&w.oracle, (int)i, m, &e);
		world_check_return(&w, vapic_send(&w.vm, a, m, &fx), &fx, &e);
		step_inject(&w, i);
	}
}

START_TEST(init_keeps_mode_and_id)
{
	begin((enum vapic_mode)_i, 7);
	for (u32 i = 0; i < 10; i++) {
		u64 base = w.mem[i].base;

		dirty(i);
		world_check(&w, i);
		ck_assert_uint_eq(vapic_init(&w.mem[i]), VAPIC_TIMER | VAPIC_MODE);
		o_registers_after_init(&w.oracle.apic[i]);
		world_check(&w, i);
		ck_assert_uint_eq(w.mem[i].base, base);
		ck_assert_uint_eq(w.mem[i].reg[0x20 / 4],
		                  _i == VAPIC_X2APIC ? world_id(i, true) : world_id(i, true) << 24);
		ck_assert_uint_eq(w.mem[i].reg[0xf0 / 4], 0xff);
	}
}
END_TEST

START_TEST(reset_starts_in_xapic_mode)
{
	begin((enum vapic_mode)_i, 7);
	for (u32 i = 0; i < 10; i++) {
		dirty(i);
		ck_assert_uint_eq(vapic_reset(&w.mem[i], i == 0), VAPIC_TIMER | VAPIC_MODE);
		o_reset(&w.oracle.apic[i], i == 0);
		world_check(&w, i);
		ck_assert_uint_eq(w.mem[i].base, ADDRESS | EN | (i == 0 ? 0x100 : 0));
	}
}
END_TEST

/* Into x2APIC mode all stays but LDR and the ICR's upper half; off and on again, nothing stays. */
START_TEST(what_a_move_keeps)
{
	begin(VAPIC_XAPIC, 7);
	for (u32 i = 0; i < 10; i++) {
		struct expect e = { 0 };

		dirty(i);
		o_base_write(&w.oracle, (int)i, ADDRESS | EN | EXTD, &e);
		ck_assert_uint_eq(vapic_base_write(&w.mem[i], ADDRESS | EN | EXTD), e.todo);
		world_check(&w, i);
		ck_assert_uint_eq(w.mem[i].reg[0x80 / 4], 0xf7);
		ck_assert_uint_eq(w.mem[i].reg[0x310 / 4], 0);
		ck_assert_uint_ne(vapic_timer_deadline(&w.mem[i]), VAPIC_NEVER);
		o_base_write(&w.oracle, (int)i, ADDRESS, &e);
		ck_assert_uint_eq(vapic_base_write(&w.mem[i], ADDRESS), VAPIC_MODE | VAPIC_TIMER);
		world_check(&w, i);
		ck_assert_uint_eq(vapic_timer_deadline(&w.mem[i]), VAPIC_NEVER);
		o_base_write(&w.oracle, (int)i, ADDRESS | EN, &e);
		ck_assert_uint_eq(vapic_base_write(&w.mem[i], ADDRESS | EN),
		                  VAPIC_MODE | VAPIC_TIMER);
		world_check(&w, i);
		ck_assert_uint_eq(w.mem[i].reg[0x80 / 4], 0);
		ck_assert_uint_eq(w.mem[i].reg[0xf0 / 4], 0xff);
	}
}
END_TEST

/* The count of APICs in xAPIC mode decides whether senders scan: it must follow every move. */
START_TEST(xapics_are_counted)
{
	struct choices c = { .seed = 77 };

	begin(VAPIC_XAPIC, 7);
	for (u32 n = 0; n < 5000; n++) {
		u32 xapics = 0;

		if (choose(&c, 8) == 0)
			step_reset(&w, choose(&c, 10), &c);
		else
			step_base(&w, choose(&c, 10), &c);
		for (u32 i = 0; i < 10; i++)
			xapics += o_mode(&w.oracle.apic[i]) == VAPIC_XAPIC;
		ck_assert_uint_eq(w.vm.xapics, xapics);
	}
}
END_TEST

VAPIC_MAIN("vapic_base", { every_move, 3 }, { every_bit_of_every_move, 3 },
           { init_keeps_mode_and_id, 3 }, { reset_starts_in_xapic_mode, 3 },
           { what_a_move_keeps, 1 }, { xapics_are_counted, 1 })
