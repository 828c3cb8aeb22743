/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/decode.h"

#include "hv/base/bits.h"

#define FLAG_CF BIT(0)
#define FLAG_PF BIT(2)
#define FLAG_AF BIT(4)
#define FLAG_ZF BIT(6)
#define FLAG_SF BIT(7)
#define FLAG_OF BIT(11)
#define FLAGS   (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* Result and, in each bit, the carry or borrow out of it; signed overflow in the sign bit. */
struct sum {
	u64 result, carries, overflow;
};

static struct sum add(u64 a, u64 b, u64 carry)
{
	u64 r = a + b + carry;

	return (struct sum){ r, (a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r) };
}

static struct sum subtract(u64 a, u64 b, u64 borrow)
{
	u64 r = a - b - borrow;

	return (struct sum){ r, (~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r) };
}

static struct sum compute(enum insn_alu alu, u64 a, u64 b, u64 carry)
{
	switch (alu) {
	case ALU_ADD:
		return add(a, b, 0);
	case ALU_ADC:
		return add(a, b, carry);
	case ALU_SUB:
	case ALU_CMP:
		return subtract(a, b, 0);
	case ALU_SBB:
		return subtract(a, b, carry);
	case ALU_OR:
		return (struct sum){ a | b, 0, 0 };
	case ALU_XOR:
		return (struct sum){ a ^ b, 0, 0 };
	case ALU_AND:
	case ALU_TEST:
		break;
	}
	return (struct sum){ a & b, 0, 0 };
}

u64 insn_alu(enum insn_alu alu, u64 a, u64 b, u8 size, u64 *rflags)
{
	u64 mask = BITS(size * 8u - 1, 0), sign = BIT(size * 8u - 1);
	struct sum s = compute(alu, a, b, *rflags & FLAG_CF);
	u64 r = s.result & mask;

	*rflags &= ~FLAGS;
	*rflags |= (s.carries & sign ? FLAG_CF : 0) | (s.carries & BIT(3) ? FLAG_AF : 0) |
	           (s.overflow & sign ? FLAG_OF : 0) | (r == 0 ? FLAG_ZF : 0) |
	           (r & sign ? FLAG_SF : 0) | (bit_count(r & 0xff) & 1 ? 0 : FLAG_PF);
	return r;
}
