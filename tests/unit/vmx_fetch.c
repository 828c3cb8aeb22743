/* SPDX-License-Identifier: MIT */
/* Instruction fetch over page boundaries; the remembering fetch against the plain one. */
#include "vmx/fetch.h"

#include "tests/unit/vmx_tables.h"

#include <check.h>

START_TEST(fetch_crosses_pages)
{
	struct insn_bytes bytes;
	struct walk walk;

	small_tables();
	for (u32 left = 1; left <= 20; left++) {
		u64 linear = PAGE_SIZE - left;

		walk = walk_fetch(&memory, &long_mode, linear, &bytes, NULL);
		ck_assert_uint_eq(walk.outcome, WALK_DONE);
		ck_assert_uint_eq(walk.gpa.raw, 0x6000 + linear);
		ck_assert_uint_eq(bytes.count, 15);
		for (u32 i = 0; i < 15; i++) {
			u64 at = linear + i;
			u8 expected = at < PAGE_SIZE ? (u8)at : (u8)~at;

			ck_assert_uint_eq(bytes.byte[i], expected);
		}
	}
}
END_TEST

START_TEST(fetch_ends_where_pages_end)
{
	struct walk_state flat = { .cr0 = CR0_PE };
	struct insn_bytes bytes;
	struct walk walk;

	small_tables();
	walk = walk_fetch(&memory, &long_mode, 0x1ffd, &bytes, NULL);
	ck_assert(walk.outcome == WALK_DONE && bytes.count == 3);
	walk = walk_fetch(&memory, &long_mode, 0x2000, &bytes, NULL);
	ck_assert(walk.outcome == WALK_PAGE_FAULT && bytes.count == 0);
	ck_assert_uint_eq(walk.error, 1u << 4);
	walk = walk_fetch(&memory, &flat, sizeof(ram) - 4, &bytes, NULL);
	ck_assert(walk.outcome == WALK_DONE && bytes.count == 4);
	walk = walk_fetch(&memory, &flat, sizeof(ram), &bytes, NULL);
	ck_assert(walk.outcome == WALK_UNREACHABLE && bytes.count == 0);
	walk = walk_fetch(&memory, &flat, 0xfffffffe, &bytes, NULL);
	ck_assert_uint_eq(walk.outcome, WALK_UNREACHABLE);
	put(0x4008, 1ul << 30 | 3); /* the second page's frame is not memory */
	walk = walk_fetch(&memory, &long_mode, 0xffe, &bytes, NULL);
	ck_assert(walk.outcome == WALK_DONE && bytes.count == 2);
}
END_TEST

/* ---- the fetch that remembers ---- */

static void same_as_plain(struct fetch_memory *remembered, const struct walk_state *s,
                          enum insn_mode mode, u64 linear)
{
	struct walk walk = { 0 }, plain;
	const struct insn *insn = fetch_insn(remembered, &memory, s, mode, linear, &walk);
	struct insn_bytes bytes;
	struct insn expected;
	bool known;

	plain = walk_fetch(&memory, s, linear, &bytes, NULL);
	known = plain.outcome == WALK_DONE && insn_decode(&expected, &bytes, mode);
	ck_assert_msg((insn != NULL) == known, "linear %lx: %d, expected %d", linear, insn != NULL,
	              known);
	if (!known) {
		ck_assert_uint_eq(walk.outcome, plain.outcome);
		ck_assert_uint_eq(walk.error, plain.error);
		return;
	}
	ck_assert_uint_eq(insn->op, expected.op);
	ck_assert_uint_eq(insn->length, expected.length);
	ck_assert_uint_eq(insn->size, expected.size);
	if (expected.op == INSN_STORE_IMM)
		ck_assert_uint_eq(insn->imm, expected.imm);
	else
		ck_assert_uint_eq(insn->reg, expected.reg);
}

#define PLACE 16u /* bytes from one instruction to the next */

static const u8 codes[][PLACE] = {
	{ 0x89, 0x87, 0x00, 0x03, 0x00, 0x00 },
	{ 0x89, 0x9f, 0x00, 0x03, 0x00, 0x00 },
	{ 0x44, 0x89, 0xaf, 0xb0, 0x00, 0x00, 0x00 },
	{ 0x8b, 0x06 },
	{ 0xc7, 0x06, 0x01, 0x02, 0x03, 0x04 },
	{ 0x0f, 0x0b },
	{ 0x66, 0x89, 0x06 },
	{ 0xc7, 0x84, 0x24, 0x00, 0x03, 0x00, 0x00, 0x08, 0x09, 0x0a, 0x0b },
};

/* Between calls, anything that decoding depends on may change. */
static void disturb(struct walk_state *s, enum insn_mode *mode)
{
	u64 code = (chance(2) ? 0x6000 : 0xa000) + any() % 64 * PLACE;
	u8 user;

	switch (any() % 12) {
	case 0:
		memcpy(ram + code, codes[any() % ARRAY_SIZE(codes)], PLACE);
		break;
	case 1:
		ram[code + any() % 16] ^= (u8)(1u << any() % 8);
		break;
	case 2:
		put(0x1000 + 0x1000 * (any() % 4), any() % 16 << 12 | 3 | (any() & 4));
		break;
	case 3:
		put(0x4000 + 8 * (any() % 2), (chance(2) ? 0x6003 : 0xa003) | (any() & BIT(63)));
		break;
	case 4:
		*s = long_mode;
		small_tables();
		user = any() & 4;
		for (u64 at = 0x1000; at <= 0x4000; at += 0x1000)
			ram[at] |= user;
		for (u32 i = 0; i < 64; i++) {
			memcpy(ram + 0x6000 + i * PLACE, codes[i % 8], PLACE);
			memcpy(ram + 0xa000 + i * PLACE, codes[(i + 3) % 8], PLACE);
		}
		break;
	case 5:
		s->cpl ^= 3;
		break;
	case 6:
		s->efer ^= chance(2) ? EFER_NXE : EFER_LMA;
		break;
	case 7:
		*mode = *mode == INSN_64 ? INSN_32 : INSN_64;
		break;
	case 8:
		s->cr4 ^= CR4_SMEP;
		break;
	case 9:
		s->cr3 ^= 0x3000;
		break;
	case 10:
		s->cr0 ^= chance(3) ? CR0_PG : CR0_WP;
		break;
	default:
		break;
	}
}

START_TEST(remembered_fetch_is_as_a_fresh_one)
{
	static struct fetch_memory remembered;
	struct walk_state s = long_mode;
	enum insn_mode mode = INSN_64;

	seed += (u64)_i;
	small_tables();
	for (unsigned int i = 0; i < 100000; i++) {
		if (chance(3))
			disturb(&s, &mode);
		/* Few places, so that the same ones return; some at a page's end. */
		same_as_plain(&remembered, &s, mode,
		              chance(8) ? 0xff0 + any() % 16
		                        : any() % 8 * PLACE + any() % 2 * 0x1000);
	}
}
END_TEST

START_TEST(remembered_in_all_modes)
{
	static struct fetch_memory remembered;

	for (unsigned int i = 0; i < 30000; i++) {
		enum mode mode = (enum mode)(any() % MODES);
		struct walk_state s = random_state(mode);
		u64 linear = random_linear(mode);

		s.physical_mask = BITS(39, 0);
		if (i % 1000 == 0)
			fill_tables(i % 2000 == 0);
		same_as_plain(&remembered, &s, mode >= MODE_4 ? INSN_64 : INSN_32, linear);
		same_as_plain(&remembered, &s, mode >= MODE_4 ? INSN_64 : INSN_32, linear);
	}
}
END_TEST

static const struct insn *fetch_once(struct fetch_memory *remembered, const struct walk_state *s,
                                     u64 linear)
{
	struct walk walk;

	return fetch_insn(remembered, &memory, s, INSN_64, linear, &walk);
}

/* A fifth level is one more than is remembered. */
START_TEST(five_levels_are_fetched_anew)
{
	static struct fetch_memory remembered;
	struct walk_state s = long_mode;

	small_tables();
	put(0x5000, 0x1003);
	s.cr3 = 0x5000;
	s.cr4 |= CR4_LA57;
	memcpy(ram + 0x6000, codes[0], PLACE);
	memcpy(ram + 0xa000, codes[1], PLACE);
	for (unsigned int i = 0; i < 4; i++) {
		put(0x4000, i % 2 ? 0xa003 : 0x6003);
		ck_assert_uint_eq(fetch_once(&remembered, &s, 0)->reg, i % 2 ? 3 : 0);
	}
}
END_TEST

/* The last bytes of guest memory: what lies behind is not looked at (the sanitizer watches). */
START_TEST(end_of_memory)
{
	static struct fetch_memory remembered;
	const struct guest_memory one = { aligned_alloc(PAGE_SIZE, PAGE_SIZE), PAGE_SIZE };
	struct walk_state flat = { .cr0 = CR0_PE };
	u64 linear = PAGE_SIZE - 8;
	struct walk walk;

	memcpy(one.base + linear, codes[0], 6);
	for (unsigned int i = 0; i < 3; i++) {
		const struct insn *insn = fetch_insn(&remembered, &one, &flat, INSN_64, linear,
		                                     &walk);

		ck_assert(insn != NULL && insn->length == 6);
	}
	free(one.base);
}
END_TEST

/* Outside long mode linear addresses go on at 0 behind 4 GiB. */
START_TEST(fetch_wraps_at_4g)
{
	struct walk_state s = long_mode;
	struct insn_bytes bytes;

	small_tables();
	s.efer = 0;
	put(0x1000, 0x3001);
	put(0x1018, 0x5001);
	put(0x5ff8, 0x7003);
	put(0x7ff8, 0xa003);
	ck_assert_uint_eq(walk_fetch(&memory, &s, 0xfffffffd, &bytes, NULL).gpa.raw, 0xaffd);
	ck_assert_uint_eq(bytes.count, 15);
	ck_assert(bytes.byte[2] == 0x00 && bytes.byte[3] == 0x00 && bytes.byte[4] == 0x01);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_fetch");
	TCase *tests = tcase_create("fetch");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, fetch_crosses_pages);
	tcase_add_test(tests, fetch_ends_where_pages_end);
	tcase_add_loop_test(tests, remembered_fetch_is_as_a_fresh_one, 0, 3);
	tcase_add_test(tests, remembered_in_all_modes);
	tcase_add_test(tests, five_levels_are_fetched_anew);
	tcase_add_test(tests, end_of_memory);
	tcase_add_test(tests, fetch_wraps_at_4g);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
