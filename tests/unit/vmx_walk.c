/* SPDX-License-Identifier: MIT */
/*
 * The guest page walk against a second one, written from the SDM's tables bit by bit and with no
 * thought of speed, over random page tables in every mode; and the remembering fetch against the
 * plain one.
 */
#include "vmx/fetch.h"
#include "vmx/walk.h"

#include "hv/base/bits.h"
#include "hv/base/x86.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 16u

static u8 ram[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static const struct guest_memory memory = { ram, sizeof(ram) };

static u64 seed = 0x2545f4914f6cdd1dul;

static u64 any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool chance(unsigned int in)
{
	return any() % in == 0;
}

static bool bit(u64 v, unsigned int n)
{
	return v >> n & 1;
}

/* ---- the second walk ---- */

#define FAULT_P    1u
#define FAULT_W    2u
#define FAULT_U    4u
#define FAULT_RSVD 8u
#define FAULT_I    16u

static struct walk fault(const struct walk_state *s, enum walk_access access, u32 code)
{
	if (access == WALK_WRITE)
		code |= FAULT_W;
	if (s->cpl == 3)
		code |= FAULT_U;
	if (access == WALK_FETCH &&
	    ((s->cr4 & CR4_SMEP) || ((s->cr4 & CR4_PAE) && (s->efer & EFER_NXE))))
		code |= FAULT_I;
	return (struct walk){ WALK_PAGE_FAULT, code, GPA(0) };
}

struct rights {
	bool user, writable, no_execute;
};

/* SDM 4.6.1, sentence by sentence. */
static bool allowed(const struct walk_state *s, enum walk_access access, struct rights r)
{
	bool nxe = s->efer & EFER_NXE;

	if (s->cpl < 3) {
		switch (access) {
		case WALK_READ:
			return !r.user || !(s->cr4 & CR4_SMAP) || (s->rflags & RFLAGS_AC);
		case WALK_WRITE:
			if (r.user && (s->cr4 & CR4_SMAP) && !(s->rflags & RFLAGS_AC))
				return false;
			return !(s->cr0 & CR0_WP) || r.writable;
		default:
			if (r.user && (s->cr4 & CR4_SMEP))
				return false;
			return !nxe || !r.no_execute;
		}
	}
	if (!r.user)
		return false;
	if (access == WALK_WRITE)
		return r.writable;
	return access != WALK_FETCH || !nxe || !r.no_execute;
}

/* A bit of `entry` in hi..lo that must be 0 but is not. */
static bool any_bit(u64 entry, int hi, int lo)
{
	for (int i = lo; i <= hi; i++) {
		if (bit(entry, (unsigned int)i))
			return true;
	}
	return false;
}

static int physical_bits(const struct walk_state *s)
{
	int n = 0;

	while (bit(s->physical_mask, (unsigned int)n))
		n++;
	return n;
}

static struct walk second_32(const struct walk_state *s, u64 linear, enum walk_access access)
{
	u64 at = (s->cr3 & 0xfffff000) + (linear >> 22 & 0x3ff) * 4;
	struct rights r = { true, true, false };
	u32 entry;

	if (at + 4 > sizeof(ram))
		return (struct walk){ WALK_UNREACHABLE, 0, GPA(0) };
	memcpy(&entry, ram + at, 4);
	if (!bit(entry, 0))
		return fault(s, access, 0);
	r.user = bit(entry, 2);
	r.writable = bit(entry, 1);
	if (bit(entry, 7) && (s->cr4 & CR4_PSE)) {
		if (bit(entry, 21) || any_bit(entry, 20, physical_bits(s) - 32 + 13))
			return fault(s, access, FAULT_P | FAULT_RSVD);
		if (!allowed(s, access, r))
			return fault(s, access, FAULT_P);
		return (struct walk){ WALK_DONE, 0,
			              GPA((entry & 0xffc00000) | (u64)(entry >> 13 & 0xff) << 32 |
			                  (linear & 0x3fffff)) };
	}
	at = (entry & 0xfffff000) + (linear >> 12 & 0x3ff) * 4;
	if (at + 4 > sizeof(ram))
		return (struct walk){ WALK_UNREACHABLE, 0, GPA(0) };
	memcpy(&entry, ram + at, 4);
	if (!bit(entry, 0))
		return fault(s, access, 0);
	r.user &= bit(entry, 2);
	r.writable &= bit(entry, 1);
	if (!allowed(s, access, r))
		return fault(s, access, FAULT_P);
	return (struct walk){ WALK_DONE, 0, GPA((entry & 0xfffff000) | (linear & 0xfff)) };
}

/* SDM tables 4-8 to 4-11 (PAE) and 4-14 to 4-20 (four and five levels). */
static bool reserved(const struct walk_state *s, u64 entry, int level, bool pae)
{
	int width = physical_bits(s);

	if (pae && level == 3)
		return any_bit(entry, 63, width) || any_bit(entry, 2, 1) || any_bit(entry, 8, 5);
	if (any_bit(entry, pae ? 62 : 51, width))
		return true;
	if (bit(entry, 63) && !(s->efer & EFER_NXE))
		return true;
	if (level >= 4)
		return bit(entry, 7);
	if (level == 3 && bit(entry, 7))
		return any_bit(entry, 29, 13);
	if (level == 2 && bit(entry, 7))
		return any_bit(entry, 20, 13);
	return false;
}

static struct walk second_64(const struct walk_state *s, u64 linear, enum walk_access access)
{
	bool pae = !(s->efer & EFER_LMA);
	int level = pae ? 3 : (s->cr4 & CR4_LA57) ? 5 : 4;
	u64 table = pae ? s->cr3 & 0xffffffe0 : s->cr3 & ((1ul << physical_bits(s)) - 1) & ~0xffful;
	struct rights r = { true, true, false };

	for (;; level--) {
		unsigned int shift = 12 + 9 * ((unsigned int)level - 1);
		u64 at = table + (linear >> shift & 511) * 8, entry;

		if (at + 8 > sizeof(ram))
			return (struct walk){ WALK_UNREACHABLE, 0, GPA(0) };
		memcpy(&entry, ram + at, 8);
		if (!bit(entry, 0))
			return fault(s, access, 0);
		if (reserved(s, entry, level, pae))
			return fault(s, access, FAULT_P | FAULT_RSVD);
		table = entry & 0xffffffffff000ul;
		if (pae && level == 3)
			continue;
		r.user &= bit(entry, 2);
		r.writable &= bit(entry, 1);
		r.no_execute |= bit(entry, 63);
		if (level == 1 || (level <= 3 && bit(entry, 7))) {
			u64 inside = (1ul << shift) - 1;

			if (!allowed(s, access, r))
				return fault(s, access, FAULT_P);
			return (struct walk){ WALK_DONE, 0,
				              GPA((table & ~inside) | (linear & inside)) };
		}
	}
}

static struct walk second(const struct walk_state *s, u64 linear, enum walk_access access)
{
	unsigned int top = s->cr4 & CR4_LA57 ? 56 : 47;

	if (!(s->cr0 & CR0_PG))
		return (struct walk){ WALK_DONE, 0, GPA(linear) };
	if (!(s->efer & EFER_LMA))
		return s->cr4 & CR4_PAE ? second_64(s, linear, access)
		                        : second_32(s, linear, access);
	for (unsigned int i = top; i < 64; i++) {
		if (bit(linear, i) != bit(linear, top))
			return (struct walk){ WALK_GP, 0, GPA(0) };
	}
	return second_64(s, linear, access);
}

/* ---- random states and tables ---- */

enum mode { MODE_OFF, MODE_32, MODE_PAE, MODE_4, MODE_5, MODES };

static struct walk_state random_state(enum mode mode)
{
	struct walk_state s = {
		.cr0 = CR0_PE | (mode != MODE_OFF ? CR0_PG : 0) | (any() & CR0_WP),
		.cr4 = any() & (CR4_SMEP | CR4_SMAP | CR4_PSE),
		.efer = any() & EFER_NXE,
		.rflags = any() & RFLAGS_AC,
		.physical_mask = BITS(35 + (u32)(any() % 17), 0),
		.cpl = chance(2) ? 3 : (u32)(any() % 3),
	};

	if (mode >= MODE_PAE)
		s.cr4 |= CR4_PAE;
	if (mode >= MODE_4)
		s.efer |= EFER_LMA | EFER_LME;
	if (mode == MODE_5)
		s.cr4 |= CR4_LA57;
	s.cr3 = any() % PAGES << 12 | (any() & 0x18);
	if (mode == MODE_PAE)
		s.cr3 |= any() & 0xfe0;
	if (chance(50))
		s.cr3 |= 1ul << (20 + any() % 20);
	return s;
}

/* Mostly good entries that point back into the tables; each kind of fault now and then. */
static u64 random_entry(void)
{
	u64 entry = any() % PAGES << 12 | (any() & 0xe60) | 7;

	if (chance(8))
		entry |= BIT(7);
	if (chance(30))
		entry &= ~BIT(0);
	if (chance(12))
		entry &= ~BIT(1);
	if (chance(6))
		entry &= ~BIT(2);
	if (chance(12))
		entry |= BIT(63);
	if (chance(40))
		entry |= 1ul << (52 + any() % 11);
	if (chance(40))
		entry |= 1ul << (12 + any() % 40);
	if (chance(3)) /* what PAE's PDPTEs must be */
		entry &= ~(BITS(2, 1) | BITS(8, 5));
	if (entry & BIT(7))
		entry = (entry & ~BITS(29, 13)) | (chance(4) ? 1ul << (13 + any() % 17) : 0);
	return entry;
}

static void fill_tables(bool narrow)
{
	for (size_t i = 0; i < sizeof(ram) / 8; i++) {
		u64 entry = random_entry();

		if (narrow)
			entry = (u32)entry | (random_entry() << 32);
		memcpy(ram + 8 * i, &entry, 8);
	}
}

static u64 random_linear(enum mode mode)
{
	u64 linear = any();

	if (mode <= MODE_PAE)
		return (u32)linear;
	if (chance(50))
		return linear;
	return (u64)((s64)linear >> (mode == MODE_5 ? 7 : 16));
}

static const enum walk_access accesses[] = { WALK_READ, WALK_WRITE, WALK_FETCH };

START_TEST(random_tables_as_the_second_walk)
{
	enum mode mode = (enum mode)_i;
	unsigned int outcomes[4] = { 0 }, errors[32] = { 0 };

	for (unsigned int i = 0; i < 200000; i++) {
		struct walk_state s = random_state(mode);
		enum walk_access access = accesses[any() % 3];
		u64 linear = random_linear(mode);
		struct walk ours, theirs;

		if (i % 1000 == 0)
			fill_tables(mode == MODE_32);
		ours = walk_translate(&memory, &s, linear, access);
		theirs = second(&s, linear, access);
		ck_assert_msg(ours.outcome == theirs.outcome && ours.error == theirs.error &&
		                      ours.gpa.raw == theirs.gpa.raw,
		              "mode %d linear %lx access %d cr0 %lx cr3 %lx cr4 %lx efer %lx: "
		              "%u %x %lx, expected %u %x %lx",
		              mode, linear, access, s.cr0, s.cr3, s.cr4, s.efer, ours.outcome,
		              ours.error, ours.gpa.raw, theirs.outcome, theirs.error,
		              theirs.gpa.raw);
		outcomes[ours.outcome]++;
		errors[ours.error & 31]++;
	}
	ck_assert_uint_gt(outcomes[WALK_DONE], 20000);
	if (mode == MODE_OFF)
		return;
	ck_assert_uint_gt(outcomes[WALK_UNREACHABLE], 100);
	ck_assert(mode < MODE_4 || outcomes[WALK_GP] > 100);
	for (u32 error = 0; error < 32; error++) { /* each combination that there is was met */
		bool both = (error & FAULT_W) && (error & FAULT_I);
		bool no_page = (error & FAULT_RSVD) && !(error & FAULT_P);

		ck_assert_msg(both || no_page || error == 0 || errors[error] > 0, "error %x",
		              error);
	}
}
END_TEST

/* ---- spelled out ---- */

static void put(u64 at, u64 entry)
{
	memcpy(ram + at, &entry, 8);
}

static const struct walk_state long_mode = {
	.cr0 = CR0_PE | CR0_PG | CR0_WP,
	.cr3 = 0x1000,
	.cr4 = CR4_PAE | CR4_SMEP,
	.efer = EFER_LME | EFER_LMA | EFER_NXE,
	.physical_mask = BITS(39, 0),
};

/* Pages 0 and 1 of linear memory at gpa 0x6000 and 0xa000; page 2 lacks. */
static void small_tables(void)
{
	memset(ram, 0, sizeof(ram));
	put(0x1000, 0x2003);
	put(0x2000, 0x3003);
	put(0x3000, 0x4003);
	put(0x4000, 0x6003);
	put(0x4008, 0xa003);
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		ram[0x6000 + i] = (u8)i;
		ram[0xa000 + i] = (u8)~i;
	}
}

START_TEST(error_code_names_what_was_wrong)
{
	struct walk_state s = long_mode;

	small_tables();
	ck_assert_uint_eq(walk_translate(&memory, &s, 0x123, WALK_FETCH).gpa.raw, 0x6123);
	ck_assert_uint_eq(walk_translate(&memory, &s, 0x2000, WALK_WRITE).error, FAULT_W);
	s.cpl = 3;
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_READ).error, FAULT_P | FAULT_U);
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_FETCH).error,
	                  FAULT_P | FAULT_U | FAULT_I);
	put(0x2000, 0x3003 | BIT(51));
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_READ).error,
	                  FAULT_P | FAULT_U | FAULT_RSVD);
	put(0x1000, 0x3003 | BIT(30));
	ck_assert_uint_eq(walk_translate(&memory, &s, 0, WALK_READ).outcome, WALK_UNREACHABLE);
	ck_assert_uint_eq(walk_translate(&memory, &s, 1ul << 47, WALK_READ).outcome, WALK_GP);
}
END_TEST

START_TEST(fetch_crosses_pages)
{
	struct insn_bytes bytes;
	struct walk walk;

	small_tables();
	for (u32 left = 1; left <= 20; left++) {
		u64 linear = PAGE_SIZE - left;

		walk = walk_fetch(&memory, &long_mode, linear, &bytes);
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
	walk = walk_fetch(&memory, &long_mode, 0x1ffd, &bytes);
	ck_assert(walk.outcome == WALK_DONE && bytes.count == 3);
	walk = walk_fetch(&memory, &long_mode, 0x2000, &bytes);
	ck_assert(walk.outcome == WALK_PAGE_FAULT && bytes.count == 0);
	ck_assert_uint_eq(walk.error, FAULT_I);
	walk = walk_fetch(&memory, &flat, sizeof(ram) - 4, &bytes);
	ck_assert(walk.outcome == WALK_DONE && bytes.count == 4);
	walk = walk_fetch(&memory, &flat, sizeof(ram), &bytes);
	ck_assert(walk.outcome == WALK_UNREACHABLE && bytes.count == 0);
	walk = walk_fetch(&memory, &flat, 0xfffffffe, &bytes);
	ck_assert_uint_eq(walk.outcome, WALK_UNREACHABLE);
	put(0x4008, 1ul << 30 | 3); /* the second page's frame is not memory */
	walk = walk_fetch(&memory, &long_mode, 0xffe, &bytes);
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

	plain = walk_fetch(&memory, s, linear, &bytes);
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
	if (expected.op == INSN_STORE_IMM || expected.op == INSN_ALU_IMM)
		ck_assert_uint_eq(insn->imm, expected.imm);
	else
		ck_assert_uint_eq(insn->reg, expected.reg);
}

static const u8 codes[][7] = {
	{ 0x89, 0x87, 0x00, 0x03, 0x00, 0x00 },
	{ 0x89, 0x9f, 0x00, 0x03, 0x00, 0x00 },
	{ 0x44, 0x89, 0xaf, 0xb0, 0x00, 0x00, 0x00 },
	{ 0x8b, 0x06 },
	{ 0xc7, 0x06, 0x01, 0x02, 0x03, 0x04 },
	{ 0x0f, 0x0b },
	{ 0x66, 0x89, 0x06 },
};

/* Between calls, anything that decoding depends on may change. */
static void disturb(struct walk_state *s, enum insn_mode *mode)
{
	u64 code = (chance(2) ? 0x6000 : 0xa000) + any() % 64 * 8;

	switch (any() % 12) {
	case 0:
		memcpy(ram + code, codes[any() % ARRAY_SIZE(codes)], sizeof(codes[0]));
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
		for (u32 i = 0; i < 64; i++) {
			memcpy(ram + 0x6000 + i * 8, codes[i % 7], 7);
			memcpy(ram + 0xa000 + i * 8, codes[(i + 3) % 7], 7);
		}
		break;
	case 5:
		s->cpl ^= 3;
		break;
	case 6:
		s->efer ^= EFER_NXE;
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
		              chance(8) ? 0xff0 + any() % 16 : any() % 8 * 8 + any() % 2 * 0x1000);
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

int main(void)
{
	Suite *suite = suite_create("vmx_walk");
	TCase *tests = tcase_create("walk");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, random_tables_as_the_second_walk, 0, MODES);
	tcase_add_test(tests, error_code_names_what_was_wrong);
	tcase_add_test(tests, fetch_crosses_pages);
	tcase_add_test(tests, fetch_ends_where_pages_end);
	tcase_add_loop_test(tests, remembered_fetch_is_as_a_fresh_one, 0, 3);
	tcase_add_test(tests, remembered_in_all_modes);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
