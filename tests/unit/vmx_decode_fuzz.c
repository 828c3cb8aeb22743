/* SPDX-License-Identifier: MIT */
/*
 * What holds for the decoder on any bytes: nothing behind `count` is looked at, a shorter cut is no
 * instruction, what follows the instruction is of no influence, the quick path agrees with the slow
 * one. As a program of its own it tries pseudo-random bytes; as a
 * libFuzzer target: `make fuzz FUZZER=vmx`.
 */
#include "vmx/decode.c"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static bool same(const struct insn *a, const struct insn *b)
{
	if (a->op != b->op || a->length != b->length || a->size != b->size)
		return false;
	if (a->op == INSN_STORE_IMM)
		return a->imm == b->imm;
	return a->reg == b->reg && a->high == b->high && a->reg_size == b->reg_size;
}

static void check_fields(const struct insn *insn, u32 count)
{
	MUST(insn->op > INSN_UNKNOWN && insn->op <= INSN_STRING_MOVE);
	MUST(insn->length >= 1 && insn->length <= count);
	MUST(insn->size == 1 || insn->size == 2 || insn->size == 4 || insn->size == 8);
	MUST(insn->reg_size == 1 || insn->reg_size == 2 || insn->reg_size == 4 ||
	     insn->reg_size == 8);
	if (insn->op == INSN_STORE_IMM || insn->op == INSN_ALU_IMM)
		return;
	MUST(insn->reg < 16 && insn->high <= 1);
	MUST(!insn->high || (insn->reg < 4 && insn->reg_size == 1));
}

static void check(struct insn_bytes *bytes, enum insn_mode mode)
{
	struct insn insn = { 0 }, other = { 0 };
	u32 count = bytes->count;

	if (decode_quickly(&insn, bytes, mode)) {
		MUST(decode(&other, bytes, mode));
		MUST(same(&insn, &other));
	}
	if (!insn_decode(&insn, bytes, mode)) {
		MUST(insn.op == INSN_UNKNOWN);
		return;
	}
	check_fields(&insn, count);
	bytes->count = insn.length - 1u;
	MUST(!insn_decode(&other, bytes, mode));
	bytes->count = insn.length;
	for (u32 i = insn.length; i < sizeof(bytes->byte); i++)
		bytes->byte[i] = (u8)~bytes->byte[i];
	memset(&other, 0, sizeof(other));
	MUST(insn_decode(&other, bytes, mode));
	MUST(same(&insn, &other));
}

/* First byte: mode and count; the rest is code. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct insn_bytes bytes = { .count = 0 };

	if (size == 0 || data[0] % 4 == 3)
		return 0;
	bytes.count = (u32)MIN(size - 1, (size_t)(data[0] >> 4));
	memcpy(bytes.byte, data + 1, MIN(size - 1, sizeof(bytes.byte)));
	check(&bytes, (enum insn_mode)(data[0] % 4));
	return 0;
}

#ifndef FUZZING
#include <check.h>

START_TEST(pseudo_random_bytes)
{
	u64 x = 88172645463325252ul + (u64)_i;
	u8 data[17];

	for (unsigned int i = 0; i < 400000; i++) {
		for (unsigned int k = 0; k < sizeof(data); k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			data[k] = (u8)(x >> 32);
		}
		data[0] |= i % 2 ? 0xf0 : 0;
		if (i % 3) /* not all of it in the desert of opcodes that are not known */
			data[1] = i % 3 == 1 ? 0x89 : 0xc7;
		(void)LLVMFuzzerTestOneInput(data, sizeof(data));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_decode_fuzz");
	TCase *tests = tcase_create("fuzz");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, pseudo_random_bytes, 0, 4);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
#endif
