/* SPDX-License-Identifier: MIT */
/* The decoder for device memory against Zydis: same verdict, length, operands and address. */
#include "hv/ring3/monitor/decode.h"

#include "hv/base/bits.h"
#include "tests/unit/any.h"
#include "tests/unit/monitor_zydis.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int known;

struct insn_bytes {
	u8 byte[16];
	u32 count;
};

static void describe(char *text, const struct decoded *d)
{
	sprintf(text,
	        "op %d length %d size %d reg %d/%d high %d alu %d imm %lx repeat %x address %d: "
	        "%d + %d * %d + %lx of %d, lock %d aligned %d",
	        d->op, d->length, d->size, d->reg, d->reg_size, d->high, d->alu, d->imm, d->repeat,
	        d->address_size, d->address.base, d->address.index, d->address.scale,
	        (u64)d->address.displacement, d->address.segment, d->lock, d->aligned);
}

static void differ(const char *what, const struct insn_bytes *bytes, enum code_mode mode,
                   const struct decoded *ours, const struct decoded *theirs)
{
	char text[64] = "", a[256], b[256];

	for (u32 i = 0; i < bytes->count; i++)
		snprintf(text + 3 * i, 4, "%02x ", bytes->byte[i]);
	describe(a, ours);
	describe(b, theirs);
	ck_abort_msg("%s differs, mode %d, %s:\n%s\n%s", what, mode, text, a, b);
}

static bool is_string(const struct decoded *d)
{
	return d->op >= OP_STRING_STORE;
}

static bool is_vector(const struct decoded *d)
{
	return d->op == OP_VECTOR_LOAD || d->op == OP_VECTOR_STORE;
}

/* Of 64-bit mode's segments FS and GS alone count. */
static u8 segment_of(const struct decoded *d, enum code_mode mode)
{
	return mode != CODE_64 || d->address.segment >= 4 ? d->address.segment : 0;
}

static bool same_address(const struct decoded *a, const struct decoded *b, enum code_mode mode)
{
	u64 mask = BITS(a->address_size * 8u - 1, 0);

	return a->address_size == b->address_size && segment_of(a, mode) == segment_of(b, mode) &&
	       (is_string(a) ||
	        (a->address.base == b->address.base && a->address.index == b->address.index &&
	         (a->address.index == REG_NONE ||
	          MAX(a->address.scale, 1) == MAX(b->address.scale, 1)) &&
	         !(((u64)a->address.displacement ^ (u64)b->address.displacement) & mask)));
}

static bool has_source(const struct decoded *d)
{
	return d->op == OP_STRING_MOVE || d->op == OP_STRING_LOAD || d->op == OP_STRING_CMP ||
	       d->op == OP_STRING_OUTPUT;
}

static const char *difference(const struct decoded *a, const struct decoded *b, enum code_mode mode)
{
	bool has_imm = a->op == OP_STORE_IMM || a->op == OP_ALU_IMM || a->op == OP_BIT_IMM;
	bool has_reg = !has_imm && a->op != OP_UNARY && a->op != OP_PUSH && a->op != OP_POP;
	u64 mask = BITS(MIN(a->size, a->op == OP_BIT_IMM ? 1 : 8) * 8u - 1, 0);

	if (a->op != b->op)
		return "operation";
	if (a->length != b->length)
		return "length";
	if (a->size != b->size || (has_reg && !is_vector(a) && a->reg_size != b->reg_size))
		return "size";
	if (has_imm && (a->imm & mask) != (b->imm & mask))
		return "immediate";
	if (a->alu != b->alu)
		return "ALU operation";
	if (a->lock != b->lock || a->aligned != b->aligned)
		return "LOCK or alignment";
	if (is_string(a) && a->repeat != b->repeat)
		return "repeat";
	if ((!is_string(a) || has_source(a)) && !same_address(a, b, mode))
		return "address";
	if (has_reg && (a->reg != b->reg || a->high != b->high))
		return "register";
	return NULL;
}

static void compare(struct insn_bytes *bytes, enum code_mode mode)
{
	struct decoded ours, theirs;
	bool we_know, they_know = oracle(&theirs, bytes->byte, bytes->count, mode);
	const char *what;

	memset(&ours, 0xa5, sizeof(ours));
	we_know = decode(&ours, bytes->byte, bytes->count, mode);
	if (we_know != they_know)
		differ("verdict", bytes, mode, &ours, &theirs);
	if (!we_know)
		return;
	known++;
	what = difference(&ours, &theirs, mode);
	if (what)
		differ(what, bytes, mode, &ours, &theirs);
	/* Cut by one byte, it is no instruction. */
	if (decode(&ours, bytes->byte, ours.length - 1u, mode))
		differ("cut", bytes, mode, &ours, &theirs);
}

static void random_bytes(struct insn_bytes *bytes)
{
	u64 words[2] = { any(), any() };

	memcpy(bytes->byte, words, sizeof(words));
	bytes->count = 15u;
}

static const struct {
	u8 count, byte[4];
} prefixes[] = {
	{ 0, { 0 } },
	{ 1, { 0x66 } },
	{ 1, { 0x67 } },
	{ 2, { 0x66, 0x67 } },
	{ 1, { 0xf0 } },
	{ 1, { 0xf2 } },
	{ 1, { 0xf3 } },
	{ 2, { 0xf2, 0xf3 } },
	{ 1, { 0x26 } },
	{ 1, { 0x2e } },
	{ 1, { 0x36 } },
	{ 1, { 0x3e } },
	{ 1, { 0x64 } },
	{ 2, { 0x65, 0x2e } },
	{ 1, { 0x40 } },
	{ 1, { 0x41 } },
	{ 1, { 0x44 } },
	{ 1, { 0x48 } },
	{ 1, { 0x4f } },
	{ 2, { 0x66, 0x48 } },
	{ 2, { 0x48, 0x66 } }, /* REX not in its place */
	{ 2, { 0x67, 0x45 } },
	{ 3, { 0x40, 0x4c, 0x44 } },
	{ 4, { 0xf0, 0x66, 0x67, 0x4c } },
};

/* Each prefix group, opcode of both maps and ModRM byte without its register, with random rest. */
static void every_opcode(enum code_mode mode, bool second_map)
{
	for (unsigned int p = 0; p < ARRAY_SIZE(prefixes); p++) {
		for (unsigned int i = 0; i < 256 * 32; i++) {
			struct insn_bytes bytes;
			u8 *at = bytes.byte + prefixes[p].count;
			unsigned int form = i & 31, reg = (unsigned int)any() & 7;

			random_bytes(&bytes);
			memcpy(bytes.byte, prefixes[p].byte, prefixes[p].count);
			if (second_map)
				*at++ = 0x0f;
			at[0] = (u8)(i >> 5);
			at[1] = (u8)((form & 0x18) << 3 | reg << 3 | (form & 7));
			compare(&bytes, mode);
		}
	}
}

START_TEST(every_opcode_as_zydis)
{
	known = 0;
	every_opcode((enum code_mode)(_i / 2), _i % 2);
	ck_assert_uint_gt(known, _i % 2 ? 1000 : 15000);
}
END_TEST

/* Every ModRM and SIB byte of the quick forms. */
START_TEST(every_address_as_zydis)
{
	static const u8 opcodes[] = { 0x89, 0x8b, 0xc7, 0x88, 0x8a, 0xc6, 0xa1, 0xa3, 0x83, 0x63 };

	for (unsigned int i = 0; i < 65536; i++) {
		if ((i & 7) != 4 && i >> 8 != 0) /* SIB only where there is one */
			continue;
		for (unsigned int o = 0; o < ARRAY_SIZE(opcodes); o++) {
			struct insn_bytes bytes;

			random_bytes(&bytes);
			bytes.byte[0] = opcodes[o];
			bytes.byte[1] = (u8)i;
			bytes.byte[2] = (u8)(i >> 8);
			compare(&bytes, (enum code_mode)_i);
		}
	}
}
END_TEST

static const u8 likely_bytes[] = {
	0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x40, 0x41, 0x44, 0x48, 0x4c, 0x64,
	0x2e, 0x0f, 0x88, 0x89, 0x8b, 0xc7, 0xa3, 0xa5, 0xaa, 0xb6, 0xbf,
	0x63, 0x81, 0x83, 0xf7, 0x87, 0x09, 0x04, 0x05, 0x25, 0x84,
};

START_TEST(random_bytes_as_zydis)
{
	for (unsigned int i = 0; i < 60000; i++) {
		struct insn_bytes bytes;

		random_bytes(&bytes);
		for (unsigned int k = 0; i % 4 && k < 15u; k++) {
			if (any() % 3)
				bytes.byte[k] = likely_bytes[any() % ARRAY_SIZE(likely_bytes)];
		}
		bytes.count = (u32)(i % 7 ? 15u : any() % (15u + 1));
		compare(&bytes, (enum code_mode)_i);
	}
}
END_TEST

/* 15 bytes are an instruction, 16 are none. */
START_TEST(prefixes_to_the_limit)
{
	struct insn_bytes bytes = { .count = 15u };
	struct decoded insn;

	memset(bytes.byte, 0x66, sizeof(bytes.byte));
	memcpy(bytes.byte + 13, "\x89\x00", 2);
	ck_assert(decode(&insn, bytes.byte, bytes.count, CODE_32));
	ck_assert_uint_eq(insn.length, 15);
	ck_assert_uint_eq(insn.size, 2);
	bytes.byte[13] = 0x66;
	bytes.byte[14] = 0x89;
	ck_assert(!decode(&insn, bytes.byte, bytes.count, CODE_32));
	memset(bytes.byte, 0xf0, sizeof(bytes.byte));
	ck_assert(!decode(&insn, bytes.byte, bytes.count, CODE_64));
	bytes.count = 0;
	ck_assert(!decode(&insn, bytes.byte, bytes.count, CODE_64));
}
END_TEST

/* Spelled out, so that the field's meanings do not rest on Zydis alone. */
START_TEST(fields_of_a_few)
{
	struct insn_bytes bytes = { .count = 15u };
	struct decoded insn;

	memcpy(bytes.byte, "\x45\x89\xa7\x00\x03\x00\x00", 7); /* mov [r15 + 0x300], r12d */
	ck_assert(decode(&insn, bytes.byte, bytes.count, CODE_64));
	ck_assert(insn.op == OP_STORE && insn.reg == 12 && insn.size == 4 && insn.length == 7);
	memcpy(bytes.byte, "\xc7\x04\x25\x10\x03\xe0\xfe\x00\x00\x00\xff", 11);
	ck_assert(decode(&insn, bytes.byte, bytes.count, CODE_64));
	ck_assert(insn.op == OP_STORE_IMM && insn.imm == 0xffffffffff000000ull);
	ck_assert(insn.length == 11 && insn.size == 4);
	memcpy(bytes.byte, "\x88\x67\x01", 3); /* mov [rdi + 1], ah */
	ck_assert(decode(&insn, bytes.byte, bytes.count, CODE_64));
	ck_assert(insn.high == 1 && insn.reg == 0 && insn.size == 1);
	memcpy(bytes.byte, "\x48\x0f\xbf\x07", 4); /* movsx rax, word [rdi] */
	ck_assert(decode(&insn, bytes.byte, bytes.count, CODE_64));
	ck_assert(insn.op == OP_LOAD_SIGN && insn.size == 2 && insn.reg_size == 8);
	memcpy(bytes.byte, "\xf3\x64\xa4", 3); /* rep movsb from fs */
	ck_assert(decode(&insn, bytes.byte, bytes.count, CODE_32));
	ck_assert(insn.op == OP_STRING_MOVE && insn.repeat == 0xf3 && insn.address.segment == 4);
	ck_assert(insn.address_size == 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("monitor_decode");
	TCase *tests = tcase_create("decode");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, oracle_setup, NULL);
	tcase_add_loop_test(tests, every_opcode_as_zydis, 0, 6);
	tcase_add_loop_test(tests, every_address_as_zydis, 0, 3);
	tcase_add_loop_test(tests, random_bytes_as_zydis, 0, 3);
	tcase_add_test(tests, prefixes_to_the_limit);
	tcase_add_test(tests, fields_of_a_few);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
