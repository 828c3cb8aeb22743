/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Decoder for the forms that drivers of the local APIC are made of, in 32- and 64-bit addressing:
 * MOV of 32 or 64 bits between memory and a register, and of an immediate to memory.
 *
 * It is on the path of an IPI, so it is short: any other instruction is "unknown", and the VM's
 * monitor has a decoder for the rest (hv/ring3/monitor/decode.h). It tells only what an instruction
 * does to its memory operand; the exit tells the address, so addressing is decoded for its length
 * only.
 */
#ifndef VMX_DECODE_H
#define VMX_DECODE_H

#include "hv/base/types.h"
#include "vmx/walk.h"

/* The mode of the current code segment: CS.L with EFER.LMA, else CS.D. */
enum insn_mode { INSN_16, INSN_32, INSN_64 };

enum insn_op {
	INSN_UNKNOWN,
	INSN_LOAD,      /* register := memory */
	INSN_STORE,     /* memory := register */
	INSN_STORE_IMM, /* memory := immediate */
};

struct insn {
	u8 op;     /* enum insn_op */
	u8 length; /* 2..15 */
	u8 size;   /* of the memory operand, in bytes: 4, 8 */
	u8 reg;    /* 0..15 as instructions number them */
	u64 imm;   /* INSN_STORE_IMM: sign-extended to 64 bits */
};

/*
 * Decodes the instruction at the start of `bytes`. False if it is none of the above, has no memory
 * operand, or is longer than `count`; then insn->op is INSN_UNKNOWN and the rest is undefined.
 */
MUST_USE bool insn_decode(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode);

#endif
