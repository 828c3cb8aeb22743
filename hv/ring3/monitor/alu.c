/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/decode.h"

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

static struct sum compute(enum alu alu, u64 a, u64 b, u64 carry)
{
	switch (alu) {
	case ALU_ADD:
		return add(a, b, 0);
	case ALU_INC:
		return add(a, 1, 0);
	case ALU_ADC:
		return add(a, b, carry);
	case ALU_SUB:
	case ALU_CMP:
		return subtract(a, b, 0);
	case ALU_DEC:
		return subtract(a, 1, 0);
	case ALU_NEG:
		return subtract(0, a, 0);
	case ALU_SBB:
		return subtract(a, b, carry);
	case ALU_OR:
		return (struct sum){ a | b, 0, 0 };
	case ALU_XOR:
		return (struct sum){ a ^ b, 0, 0 };
	default:
		return (struct sum){ a & b, 0, 0 };
	}
}

/* CF is the bit; the other flags, of which the manual says that they are undefined, stay. */
static u64 bit_result(enum alu alu, u64 a, u64 number, u8 size, u64 *rflags)
{
	u64 bit = BIT(number & (size * 8u - 1u));

	*rflags = (*rflags & ~FLAG_CF) | ((a & bit) != 0 ? FLAG_CF : 0);
	switch (alu) {
	case ALU_BTS:
		return a | bit;
	case ALU_BTR:
		return a & ~bit;
	case ALU_BTC:
		return a ^ bit;
	default:
		return a;
	}
}

u64 alu_result(enum alu alu, u64 a, u64 b, u8 size, u64 *rflags)
{
	u64 mask = BITS(size * 8u - 1, 0), sign = BIT(size * 8u - 1);
	u64 kept = alu == ALU_INC || alu == ALU_DEC ? FLAG_CF : 0;
	struct sum s;
	u64 r;

	if (alu >= ALU_BT)
		return bit_result(alu, a, b, size, rflags);
	if (alu == ALU_NOT)
		return ~a & mask;
	s = compute(alu, a, b, *rflags & FLAG_CF);
	r = s.result & mask;
	*rflags &= ~FLAGS | kept;
	*rflags |= (s.carries & sign & ~(kept ? sign : 0) ? FLAG_CF : 0) |
	           (s.carries & BIT(3) ? FLAG_AF : 0) | (s.overflow & sign ? FLAG_OF : 0) |
	           (r == 0 ? FLAG_ZF : 0) | (r & sign ? FLAG_SF : 0) |
	           (bit_count(r & 0xff) & 1 ? 0 : FLAG_PF);
	return r;
}
