/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Decoder for the instructions that a guest may use on memory where it has none: what they do, to
 * which register, and how the address of their memory operand is made.
 *
 * Everything else, whatever another CPU puts there in the meantime, is not known: the caller ends
 * the VM or gives #UD, and never guesses. SDM volume 2, chapter 2 and appendix A.
 */
#ifndef HV_MONITOR_DECODE_H
#define HV_MONITOR_DECODE_H

#include "hv/base/types.h"

/* By the current code segment: CS.L with EFER.LMA, else CS.D. */
enum code_mode { CODE_16, CODE_32, CODE_64 };

enum operation {
	OP_UNKNOWN,
	OP_LOAD,          /* register := memory */
	OP_LOAD_ZERO,     /* MOVZX */
	OP_LOAD_SIGN,     /* MOVSX, MOVSXD */
	OP_STORE,         /* memory := register; MOVNTI too */
	OP_STORE_IMM,     /* memory := immediate */
	OP_XCHG,          /* both at once */
	OP_XADD,          /* register := memory, memory := sum */
	OP_CMPXCHG,       /* with rAX */
	OP_ALU_STORE,     /* memory := memory alu register; CMP and TEST set flags alone */
	OP_ALU_IMM,       /* memory := memory alu immediate; likewise */
	OP_ALU_LOAD,      /* register := register alu memory; CMP sets flags alone */
	OP_UNARY,         /* memory := alu memory: INC, DEC, NOT, NEG */
	OP_BIT,           /* BT, BTS, BTR, BTC: bit number in `reg`, beyond the operand too */
	OP_BIT_IMM,       /* the same, bit number in `imm`, within the operand */
	OP_PUSH,          /* stack := memory */
	OP_POP,           /* memory := stack */
	OP_VECTOR_LOAD,   /* vector register := memory, zero above up to 128 bits */
	OP_VECTOR_STORE,  /* memory := vector register */
	OP_STRING_STORE,  /* STOS: [rDI] := rAX */
	OP_STRING_LOAD,   /* LODS: rAX := [rSI] */
	OP_STRING_MOVE,   /* MOVS: [rDI] := [rSI] */
	OP_STRING_CMP,    /* CMPS: [rSI] - [rDI] */
	OP_STRING_SCAN,   /* SCAS: rAX - [rDI] */
	OP_STRING_INPUT,  /* INS: [rDI] := port DX */
	OP_STRING_OUTPUT, /* OUTS: port DX := [rSI] */
};

/* The first eight are numbered as in opcodes, and so are the bit operations, from ALU_BT on. */
enum alu {
	ALU_ADD,
	ALU_OR,
	ALU_ADC,
	ALU_SBB,
	ALU_AND,
	ALU_SUB,
	ALU_XOR,
	ALU_CMP,
	ALU_TEST,
	ALU_INC,
	ALU_DEC,
	ALU_NOT,
	ALU_NEG,
	ALU_BT,
	ALU_BTS,
	ALU_BTR,
	ALU_BTC,
};

#define REG_NONE 0xff
#define REG_RIP  16 /* as a base: of the next instruction */

struct operand_address {
	u8 base, index; /* 0..15, REG_NONE, base also REG_RIP */
	u8 scale;       /* 1, 2, 4, 8 */
	u8 segment;     /* ES CS SS DS FS GS = 0..5 */
	s64 displacement;
};

struct decoded {
	u8 op;           /* enum operation */
	u8 length;       /* 1..15 */
	u8 size;         /* of the memory operand, in bytes: 1, 2, 4, 8, 16 */
	u8 reg;          /* 0..15; rAX for string instructions; a vector register of OP_VECTOR_* */
	u8 reg_size;     /* differs from size for MOVZX, MOVSX only; 4 clears bits 63:32 */
	u8 high;         /* 1: bits 15:8 of `reg`, as AH CH DH BH */
	u8 alu;          /* enum alu, of the operations that have one */
	u8 repeat;       /* string instructions: 0, 0xf2 or 0xf3 */
	u8 address_size; /* 2, 4 or 8 */
	bool lock, aligned; /* aligned: #GP where a vector operand is not */
	u64 imm;            /* sign-extended to 64 bits */
	/* Of string instructions the segment of the source alone is there. */
	struct operand_address address;
};

/*
 * Decodes what stands at `code`, of which `count` bytes are there, at most 15. False: not one of
 * the above, not with a memory operand, an illegal LOCK, longer than `count`, or no instruction.
 */
MUST_USE bool decode(struct decoded *d, const u8 *code, u32 count, enum code_mode mode);

/*
 * What the ALU makes of a and b, of 1, 2, 4 or 8 bytes each: the result, zero-extended; the status
 * flags that the operation defines are replaced in *rflags (AND and the like leave AF 0). For CMP
 * and TEST the result is that of SUB and AND, for BT it is a: not to be stored. ALU_INC and what
 * follows to ALU_NEG take a alone; b is the bit's number for ALU_BT and what follows.
 */
u64 alu_result(enum alu alu, u64 a, u64 b, u8 size, u64 *rflags);

/* Whether the result is for storing. */
static inline bool alu_stores(enum alu alu)
{
	return alu != ALU_CMP && alu != ALU_TEST && alu != ALU_BT;
}

#endif
