/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Decoder for the instructions that guests use on memory-mapped registers.
 *
 * It answers what an instruction does to its one memory operand, whose address the exit tells; so
 * addressing is decoded for its length alone. Anything else, whatever an attacker puts there in the
 * meantime, is "unknown": the caller stops the VM or raises a fault, and never guesses.
 */
#ifndef VMX_DECODE_H
#define VMX_DECODE_H

#include "hv/base/types.h"
#include "vmx/walk.h"

/* By the current code segment: CS.L with EFER.LMA, else CS.D. */
enum insn_mode { INSN_16, INSN_32, INSN_64 };

enum insn_op {
	INSN_UNKNOWN,
	INSN_LOAD,         /* register := memory */
	INSN_LOAD_ZERO,    /* MOVZX */
	INSN_LOAD_SIGN,    /* MOVSX, MOVSXD */
	INSN_STORE,        /* memory := register */
	INSN_STORE_IMM,    /* memory := immediate */
	INSN_XCHG,         /* both at once, always atomic */
	INSN_ALU_STORE,    /* memory := memory alu register; CMP and TEST only set flags */
	INSN_ALU_IMM,      /* memory := memory alu immediate; likewise */
	INSN_ALU_LOAD,     /* register := register alu memory; CMP only sets flags */
	INSN_STRING_STORE, /* STOS: [rDI] := rAX */
	INSN_STRING_LOAD,  /* LODS: rAX := [rSI] */
	INSN_STRING_MOVE,  /* MOVS: [rDI] := [rSI]; which of them faulted is not known here */
};

/* The first eight are numbered as in opcodes. */
enum insn_alu {
	ALU_ADD,
	ALU_OR,
	ALU_ADC,
	ALU_SBB,
	ALU_AND,
	ALU_SUB,
	ALU_XOR,
	ALU_CMP,
	ALU_TEST,
};

struct insn {
	u8 op;           /* enum insn_op */
	u8 length;       /* 1..15 */
	u8 size;         /* of the memory operand, in bytes: 1, 2, 4, 8 */
	u8 reg;          /* 0..15 as instructions number them; 0 (rAX) for string instructions */
	u8 reg_size;     /* differs from size for MOVZX, MOVSX only; 4 clears bits 63:32 */
	u8 high;         /* 1: bits 15:8 of `reg`, as AH CH DH BH */
	u8 alu;          /* INSN_ALU_*: enum insn_alu */
	u8 repeat;       /* INSN_STRING_*: 0, 0xf2 or 0xf3 */
	u8 address_size; /* INSN_STRING_*: 2, 4 or 8: of rCX, rSI, rDI */
	u8 segment;      /* INSN_STRING_*: of the source: ES CS SS DS FS GS = 0..5 */
	u64 imm;         /* INSN_STORE_IMM, INSN_ALU_IMM: sign-extended to 64 bits */
};

/*
 * Decodes the instruction at the start of `bytes`. False, with insn->op = INSN_UNKNOWN and nothing
 * else defined: not one of the above, not with a memory operand, an illegal LOCK, longer than
 * `count`, or no instruction at all.
 */
MUST_USE bool insn_decode(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode);

/*
 * What the ALU makes of a and b, of 1, 2, 4 or 8 bytes each: the result, zero-extended; the six
 * status flags in *rflags are replaced (TEST and the like leave AF as AND does: 0). For CMP and
 * TEST the result is that of SUB and AND, not to be stored.
 */
MUST_USE u64 insn_alu(enum insn_alu alu, u64 a, u64 b, u8 size, u64 *rflags);

#endif
