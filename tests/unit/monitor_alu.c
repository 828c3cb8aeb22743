/* SPDX-License-Identifier: MIT */
/* The ALU of emulated instructions against the processor's own: result and flags. */
#include "hv/ring3/monitor/decode.h"

#include "hv/base/bits.h"
#include "tests/unit/any.h"

#include <check.h>
#include <stdlib.h>

#define STATUS_FLAGS 0x8d5ull

#define ON_CPU(name, type)                                                                         \
	case name##_OP:                                                                            \
		__asm__("lea -128(%%rsp), %%rsp; pushfq; popq %%rax; and $-0x8d6, %%rax; "         \
		        "or %2, %%rax; pushq %%rax; popfq; " name##_TEXT                           \
		        " %3, %0; "                                                                \
		        "pushfq; popq %1; lea 128(%%rsp), %%rsp"                                   \
		        : "+r"(x), "=r"(flags)                                                     \
		        : "r"(in), "r"(y)                                                          \
		        : "rax", "cc");                                                            \
		break;

#define ON_CPU_ALONE(name, type)                                                                   \
	case ALU_##name:                                                                           \
		__asm__("lea -128(%%rsp), %%rsp; pushfq; popq %%rax; and $-0x8d6, %%rax; "         \
		        "or %2, %%rax; pushq %%rax; popfq; " name##_TEXT                           \
		        " %0; pushfq; popq %1; lea 128(%%rsp), %%rsp"                              \
		        : "+r"(x), "=r"(flags)                                                     \
		        : "r"(in)                                                                  \
		        : "rax", "cc");                                                            \
		break;

#define INC_TEXT "inc"
#define DEC_TEXT "dec"
#define NOT_TEXT "not"
#define NEG_TEXT "neg"

#define ADD_OP    ALU_ADD
#define ADD_TEXT  "add"
#define OR_OP     ALU_OR
#define OR_TEXT   "or"
#define ADC_OP    ALU_ADC
#define ADC_TEXT  "adc"
#define SBB_OP    ALU_SBB
#define SBB_TEXT  "sbb"
#define AND_OP    ALU_AND
#define AND_TEXT  "and"
#define SUB_OP    ALU_SUB
#define SUB_TEXT  "sub"
#define XOR_OP    ALU_XOR
#define XOR_TEXT  "xor"
#define CMP_OP    ALU_CMP
#define CMP_TEXT  "cmp"
#define TEST_OP   ALU_TEST
#define TEST_TEXT "test"

/* The processor's own answer, for each width. */
#define CPU_FUNCTION(type)                                                                         \
	static u64 cpu_##type(enum alu alu, u64 a, u64 b, u64 *rflags)                             \
	{                                                                                          \
		type x = (type)a, y = (type)b;                                                     \
		u64 in = *rflags & STATUS_FLAGS, flags = 0;                                        \
		switch (alu) {                                                                     \
			ON_CPU(ADD, type)                                                          \
			ON_CPU(OR, type)                                                           \
			ON_CPU(ADC, type)                                                          \
			ON_CPU(SBB, type)                                                          \
			ON_CPU(AND, type)                                                          \
			ON_CPU(SUB, type)                                                          \
			ON_CPU(XOR, type)                                                          \
			ON_CPU(CMP, type)                                                          \
			ON_CPU(TEST, type)                                                         \
			ON_CPU_ALONE(INC, type)                                                    \
			ON_CPU_ALONE(DEC, type)                                                    \
			ON_CPU_ALONE(NOT, type)                                                    \
			ON_CPU_ALONE(NEG, type)                                                    \
		default:                                                                           \
			break;                                                                     \
		}                                                                                  \
		*rflags = (*rflags & ~STATUS_FLAGS) | (flags & STATUS_FLAGS);                      \
		return x;                                                                          \
	}
CPU_FUNCTION(u8)
CPU_FUNCTION(u16)
CPU_FUNCTION(u32)
CPU_FUNCTION(u64)

static u64 on_cpu(enum alu alu, u64 a, u64 b, u8 size, u64 *rflags)
{
	switch (size) {
	case 1:
		return cpu_u8(alu, a, b, rflags);
	case 2:
		return cpu_u16(alu, a, b, rflags);
	case 4:
		return cpu_u32(alu, a, b, rflags);
	default:
		return cpu_u64(alu, a, b, rflags);
	}
}

static u64 operand(void)
{
	static const u64 corners[] = { 0,          1,          0x7f,       0x80,       0xff,
		                       0x7fff,     0x8000,     0xffff,     0x7fffffff, 0x80000000,
		                       0xffffffff, ~0ull >> 1, 1ull << 63, ~0ull };

	return any() % 2 ? any() : corners[any() % ARRAY_SIZE(corners)];
}

START_TEST(alu_as_the_processor)
{
	enum alu alu = (enum alu)_i;

	for (unsigned int i = 0; i < 20000; i++) {
		u8 size = (u8)(1u << i % 4);
		u64 a = operand(), b = operand(), in = any() & (STATUS_FLAGS | BIT(21)) & ~BIT(1);
		u64 ours = in, theirs = in, result = alu_result(alu, a, b, size, &ours);
		u64 expected = on_cpu(alu, a, b, size, &theirs);
		u64 ignored = alu == ALU_AND || alu == ALU_OR || alu == ALU_XOR || alu == ALU_TEST
		                      ? BIT(4)
		                      : 0; /* AF of logic operations is undefined */

		if (alu == ALU_CMP || alu == ALU_TEST)
			expected = result;
		ck_assert_msg(result == expected && !((ours ^ theirs) & ~ignored),
		              "alu %d size %d: %lx, %lx: %lx/%lx flags %lx/%lx", alu, size, a, b,
		              result, expected, ours, theirs);
		ck_assert(!ignored || !(ours & BIT(4)));
	}
}
END_TEST

/* The bit operations, which know no bytes; flags but CF stay. */
#define BIT_ON_CPU(name)                                                                           \
	case ALU_##name:                                                                           \
		if (size == 2)                                                                     \
			__asm__(BIT_TEXT(name, "w") : "+r"(x16), "=@ccc"(carry) : "r"((u16)b));    \
		else if (size == 4)                                                                \
			__asm__(BIT_TEXT(name, "l") : "+r"(x32), "=@ccc"(carry) : "r"((u32)b));    \
		else                                                                               \
			__asm__(BIT_TEXT(name, "q") : "+r"(x64), "=@ccc"(carry) : "r"(b));         \
		break;
#define BIT_TEXT(name, suffix) name##_TEXT suffix " %2, %0"
#define BT_TEXT                "bt"
#define BTS_TEXT               "bts"
#define BTR_TEXT               "btr"
#define BTC_TEXT               "btc"

static u64 bit_on_cpu(enum alu alu, u64 a, u64 b, u8 size, u64 *rflags)
{
	u16 x16 = (u16)a;
	u32 x32 = (u32)a;
	u64 x64 = a;
	bool carry = false;

	switch (alu) {
		BIT_ON_CPU(BT)
		BIT_ON_CPU(BTS)
		BIT_ON_CPU(BTR)
		BIT_ON_CPU(BTC)
	default:
		break;
	}
	*rflags = (*rflags & ~1ull) | carry;
	return size == 2 ? x16 : size == 4 ? x32 : x64;
}

START_TEST(bits_as_the_processor)
{
	enum alu alu = (enum alu)(ALU_BT + _i);

	for (unsigned int i = 0; i < 20000; i++) {
		u8 size = (u8)(2u << i % 3);
		u64 a = operand() & BITS(size * 8u - 1, 0), b = operand(),
		    in = any() & STATUS_FLAGS;
		u64 ours = in, theirs = in, result = alu_result(alu, a, b, size, &ours);
		u64 expected = bit_on_cpu(alu, a, b, size, &theirs);

		ck_assert_msg(result == expected && ours == theirs,
		              "alu %d size %d: %lx, %lx: %lx/%lx flags %lx/%lx", alu, size, a, b,
		              result, expected, ours, theirs);
	}
}
END_TEST

START_TEST(cmp_and_test_yield_sub_and_and)
{
	u64 flags = 0;

	ck_assert_uint_eq(alu_result(ALU_CMP, 5, 7, 4, &flags), 0xfffffffe);
	ck_assert_uint_eq(alu_result(ALU_TEST, 0xf0f0, 0xff, 1, &flags), 0xf0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("monitor_alu");
	TCase *tests = tcase_create("alu");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, alu_as_the_processor, 0, ALU_NEG + 1);
	tcase_add_loop_test(tests, bits_as_the_processor, 0, 4);
	tcase_add_test(tests, cmp_and_test_yield_sub_and_and);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
