/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* The decoder's tables (SDM volume 2, appendix A). What has no row is not known. */
#ifndef HV_MONITOR_OPCODES_H
#define HV_MONITOR_OPCODES_H

#include "hv/base/bits.h"
#include "hv/ring3/monitor/decode.h"

/* What a row says of the operands, besides the operation. */
#define BYTE       BIT32(0) /* 8-bit operands */
#define IMM_8      BIT32(1)
#define IMM_Z      BIT32(2) /* 16 or 32 bits, by operand size */
#define NO_REG     BIT32(3) /* ModRM.reg is part of the opcode */
#define LOCKED     BIT32(4) /* may have a LOCK prefix */
#define STRING     BIT32(5) /* no ModRM byte */
#define OFFSET     BIT32(6) /* no ModRM byte: the address follows the opcode */
#define NOT_64     BIT32(7) /* no such opcode in 64-bit mode */
#define ONLY_64    BIT32(8)
#define STACK      BIT32(9)  /* operands of 64 bits in 64-bit mode, without REX.W */
#define FROM_8     BIT32(10) /* the memory operand's size, where the register's differs */
#define FROM_16    BIT32(11)
#define FROM_32    BIT32(12)
#define WIDE       BIT32(13) /* 32 or 64 bits; no such opcode behind 0x66, 0xf2, 0xf3 */
#define VECTOR     BIT32(14)
#define ALIGNED_16 BIT32(15)
#define GROUP      BIT32(16) /* `op` numbers a row of groups[] */

struct row {
	u8 op, alu;
	u32 flags;
};

enum group { GROUP_1, GROUP_1A, GROUP_3, GROUP_4, GROUP_5, GROUP_8, GROUP_11, GROUPS };

/* By opcode: the first byte, and the one behind 0F. */
extern const struct row one_byte[256], two_byte[256];

/* By ModRM.reg. */
extern const struct row groups[GROUPS][8];

/* Moves between memory and vector registers: by opcode behind 0F and mandatory prefix. */
struct vector_row {
	u8 prefix, opcode, op, size; /* size 0: 4, or 8 with REX.W */
	bool aligned;
};
#define VECTOR_MOVES 24u
extern const struct vector_row vector_moves[VECTOR_MOVES];

#endif
