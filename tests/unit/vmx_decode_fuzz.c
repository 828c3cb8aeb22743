/* SPDX-License-Identifier: MIT */
/*
 * What holds for both decoders on any bytes: nothing behind `count` is looked at, a shorter cut is
 * no instruction, what follows the instruction is of no influence; and what ring 0's short one
 * knows the monitor's takes for the same. As a program of its own it tries pseudo-random bytes; as
 * a libFuzzer target: `make fuzz FUZZER=vmx`.
 */
#include "hv/ring3/monitor/decode.c"
#include "hv/ring3/monitor/opcodes.c"
#include "vmx/decode.c"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_fields(const struct decoded *d, u32 count)
{
	MUST(d->op > OP_UNKNOWN && d->op <= OP_STRING_OUTPUT);
	MUST(d->length >= 1 && d->length <= count);
	MUST(bit_count(d->size) == 1 && d->size <= 16);
	MUST(bit_count(d->reg_size) == 1 && d->reg_size <= 16);
	MUST(d->reg < 16 && d->high <= 1 && d->alu <= ALU_BTC);
	MUST(!d->high || (d->reg < 4 && d->reg_size == 1));
	MUST(d->address.base <= REG_RIP || d->address.base == REG_NONE);
	MUST(d->address.index < 16 || d->address.index == REG_NONE);
	MUST(d->address.segment < 6 && bit_count(d->address.scale) == 1);
}

static bool same(const struct insn *insn, const struct decoded *d)
{
	static const u8 ops[] = {
		[INSN_LOAD] = OP_LOAD, [INSN_STORE] = OP_STORE, [INSN_STORE_IMM] = OP_STORE_IMM
	};

	if (ops[insn->op] != d->op || insn->length != d->length || insn->size != d->size)
		return false;
	return insn->op == INSN_STORE_IMM ? insn->imm == d->imm
	                                  : insn->reg == d->reg && d->reg_size == d->size;
}

static void check(struct insn_bytes *bytes, enum insn_mode mode)
{
	struct insn insn = { 0 };
	struct decoded first, d;
	u32 count = bytes->count;
	bool known = decode(&first, bytes->byte, count, (enum code_mode)mode);

	if (insn_decode(&insn, bytes, mode))
		MUST(known && same(&insn, &first));
	else
		MUST(insn.op == INSN_UNKNOWN);
	if (!known)
		return;
	check_fields(&first, count);
	MUST(!decode(&d, bytes->byte, first.length - 1u, (enum code_mode)mode));
	bytes->count = first.length - 1u;
	MUST(!insn_decode(&insn, bytes, mode));
	for (u32 i = first.length; i < sizeof(bytes->byte); i++)
		bytes->byte[i] = (u8)~bytes->byte[i];
	MUST(decode(&d, bytes->byte, first.length, (enum code_mode)mode));
	MUST(memcmp(&d, &first, sizeof(d)) == 0);
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

/* The forms of drivers of the APIC are not left to the monitor. */
START_TEST(drivers_forms)
{
	static const struct {
		enum insn_mode mode;
		u8 byte[16];
	} forms[] = {
		{ INSN_64, { 0x89, 0xb7, 0x00, 0xb3, 0x5f, 0xff } },
		{ INSN_64, { 0x89, 0x34, 0x25, 0x00, 0xb3, 0x5f, 0xff } },
		{ INSN_64, { 0x44, 0x89, 0xaf, 0xb0, 0x00, 0x00, 0x00 } },
		{ INSN_64, { 0x8b, 0x07 } },
		{ INSN_64, { 0x48, 0x8b, 0x40, 0x20 } },
		{ INSN_64, { 0xc7, 0x05, 0xb0, 0x00, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x00 } },
		{ INSN_32, { 0xc7, 0x05, 0xb0, 0x00, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x00 } },
		{ INSN_32, { 0x89, 0x15, 0x00, 0x03, 0xe0, 0xfe } },
	};
	struct insn insn;

	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		struct insn_bytes bytes = { .count = 15 };

		memcpy(bytes.byte, forms[i].byte, sizeof(bytes.byte));
		ck_assert_msg(insn_decode(&insn, &bytes, forms[i].mode), "form %u", i);
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
	tcase_add_test(tests, drivers_forms);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
#endif
