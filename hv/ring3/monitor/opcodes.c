/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/opcodes.h"

#define ALU_ROWS(n)                                                                                \
	[(n)*8] = { OP_ALU_STORE, n, BYTE | ALU_LOCK(n) },                                         \
	[(n)*8 + 1] = { OP_ALU_STORE, n, ALU_LOCK(n) }, [(n)*8 + 2] = { OP_ALU_LOAD, n, BYTE },    \
	[(n)*8 + 3] = { OP_ALU_LOAD, n, 0 }
#define ALU_LOCK(n) ((n) == ALU_CMP ? 0 : LOCKED) /* what stores nothing has no LOCK */

/* SDM volume 2, table A-2. What has no row is not known. */
const struct row one_byte[256] = {
	ALU_ROWS(ALU_ADD),
	ALU_ROWS(ALU_OR),
	ALU_ROWS(ALU_ADC),
	ALU_ROWS(ALU_SBB),
	ALU_ROWS(ALU_AND),
	ALU_ROWS(ALU_SUB),
	ALU_ROWS(ALU_XOR),
	ALU_ROWS(ALU_CMP),
	[0x63] = { OP_LOAD_SIGN, 0, ONLY_64 | FROM_32 },
	[0x6c] = { OP_STRING_INPUT, 0, STRING | BYTE },
	[0x6d] = { OP_STRING_INPUT, 0, STRING },
	[0x6e] = { OP_STRING_OUTPUT, 0, STRING | BYTE },
	[0x6f] = { OP_STRING_OUTPUT, 0, STRING },
	[0x80] = { GROUP_1, 0, GROUP | BYTE | IMM_8 },
	[0x81] = { GROUP_1, 0, GROUP | IMM_Z },
	[0x82] = { GROUP_1, 0, GROUP | BYTE | IMM_8 | NOT_64 },
	[0x83] = { GROUP_1, 0, GROUP | IMM_8 },
	[0x84] = { OP_ALU_STORE, ALU_TEST, BYTE },
	[0x85] = { OP_ALU_STORE, ALU_TEST, 0 },
	[0x86] = { OP_XCHG, 0, BYTE | LOCKED },
	[0x87] = { OP_XCHG, 0, LOCKED },
	[0x88] = { OP_STORE, 0, BYTE },
	[0x89] = { OP_STORE, 0, 0 },
	[0x8a] = { OP_LOAD, 0, BYTE },
	[0x8b] = { OP_LOAD, 0, 0 },
	[0x8f] = { GROUP_1A, 0, GROUP },
	[0xa0] = { OP_LOAD, 0, OFFSET | BYTE },
	[0xa1] = { OP_LOAD, 0, OFFSET },
	[0xa2] = { OP_STORE, 0, OFFSET | BYTE },
	[0xa3] = { OP_STORE, 0, OFFSET },
	[0xa4] = { OP_STRING_MOVE, 0, STRING | BYTE },
	[0xa5] = { OP_STRING_MOVE, 0, STRING },
	[0xa6] = { OP_STRING_CMP, 0, STRING | BYTE },
	[0xa7] = { OP_STRING_CMP, 0, STRING },
	[0xaa] = { OP_STRING_STORE, 0, STRING | BYTE },
	[0xab] = { OP_STRING_STORE, 0, STRING },
	[0xac] = { OP_STRING_LOAD, 0, STRING | BYTE },
	[0xad] = { OP_STRING_LOAD, 0, STRING },
	[0xae] = { OP_STRING_SCAN, 0, STRING | BYTE },
	[0xaf] = { OP_STRING_SCAN, 0, STRING },
	[0xc6] = { GROUP_11, 0, GROUP | BYTE | IMM_8 },
	[0xc7] = { GROUP_11, 0, GROUP | IMM_Z },
	[0xf6] = { GROUP_3, 0, GROUP | BYTE },
	[0xf7] = { GROUP_3, 0, GROUP },
	[0xfe] = { GROUP_4, 0, GROUP | BYTE },
	[0xff] = { GROUP_5, 0, GROUP },
};

/* SDM volume 2, table A-3: behind 0F. */
const struct row two_byte[256] = {
	[0xa3] = { OP_BIT, ALU_BT, 0 },
	[0xab] = { OP_BIT, ALU_BTS, LOCKED },
	[0xb0] = { OP_CMPXCHG, 0, BYTE | LOCKED },
	[0xb1] = { OP_CMPXCHG, 0, LOCKED },
	[0xb3] = { OP_BIT, ALU_BTR, LOCKED },
	[0xb6] = { OP_LOAD_ZERO, 0, FROM_8 },
	[0xb7] = { OP_LOAD_ZERO, 0, FROM_16 },
	[0xba] = { GROUP_8, 0, GROUP | IMM_8 },
	[0xbb] = { OP_BIT, ALU_BTC, LOCKED },
	[0xbe] = { OP_LOAD_SIGN, 0, FROM_8 },
	[0xbf] = { OP_LOAD_SIGN, 0, FROM_16 },
	[0xc0] = { OP_XADD, 0, BYTE | LOCKED },
	[0xc1] = { OP_XADD, 0, LOCKED },
	[0xc3] = { OP_STORE, 0, WIDE },
};

/* Table A-6: by ModRM.reg. */
#define NOT_LOCKED(n) [n] = { OP_ALU_IMM, n, 0 }
const struct row groups[GROUPS][8] = {
	[GROUP_1] = { [0 ... 6] = { OP_ALU_IMM, 0, LOCKED }, NOT_LOCKED(ALU_CMP) },
	[GROUP_1A] = { { OP_POP, 0, STACK } },
	[GROUP_3] = { { OP_ALU_IMM, ALU_TEST, IMM_Z },
	              { OP_ALU_IMM, ALU_TEST, IMM_Z },
	              { OP_UNARY, ALU_NOT, LOCKED },
	              { OP_UNARY, ALU_NEG, LOCKED } },
	[GROUP_4] = { { OP_UNARY, ALU_INC, LOCKED }, { OP_UNARY, ALU_DEC, LOCKED } },
	[GROUP_5] = { { OP_UNARY, ALU_INC, LOCKED },
	              { OP_UNARY, ALU_DEC, LOCKED },
	              [6] = { OP_PUSH, 0, STACK } },
	[GROUP_8] = { [4] = { OP_BIT_IMM, ALU_BT, 0 },
	              { OP_BIT_IMM, ALU_BTS, LOCKED },
	              { OP_BIT_IMM, ALU_BTR, LOCKED },
	              { OP_BIT_IMM, ALU_BTC, LOCKED } },
	[GROUP_11] = { { OP_STORE_IMM, 0, 0 } },
};

/* Moves between memory and vector registers: by opcode behind 0F and mandatory prefix. */
const struct vector_row vector_moves[VECTOR_MOVES] = {
	{ 0x00, 0x10, OP_VECTOR_LOAD, 16, false },  /* MOVUPS */
	{ 0x00, 0x11, OP_VECTOR_STORE, 16, false }, /* MOVUPS */
	{ 0x66, 0x10, OP_VECTOR_LOAD, 16, false },  /* MOVUPD */
	{ 0x66, 0x11, OP_VECTOR_STORE, 16, false }, /* MOVUPD */
	{ 0xf3, 0x10, OP_VECTOR_LOAD, 4, false },   /* MOVSS */
	{ 0xf3, 0x11, OP_VECTOR_STORE, 4, false },  /* MOVSS */
	{ 0xf2, 0x10, OP_VECTOR_LOAD, 8, false },   /* MOVSD */
	{ 0xf2, 0x11, OP_VECTOR_STORE, 8, false },  /* MOVSD */
	{ 0x00, 0x28, OP_VECTOR_LOAD, 16, true },   /* MOVAPS */
	{ 0x00, 0x29, OP_VECTOR_STORE, 16, true },  /* MOVAPS */
	{ 0x66, 0x28, OP_VECTOR_LOAD, 16, true },   /* MOVAPD */
	{ 0x66, 0x29, OP_VECTOR_STORE, 16, true },  /* MOVAPD */
	{ 0x00, 0x2b, OP_VECTOR_STORE, 16, true },  /* MOVNTPS */
	{ 0x66, 0x2b, OP_VECTOR_STORE, 16, true },  /* MOVNTPD */
	{ 0x66, 0x6e, OP_VECTOR_LOAD, 0, false },   /* MOVD, MOVQ */
	{ 0x66, 0x6f, OP_VECTOR_LOAD, 16, true },   /* MOVDQA */
	{ 0xf3, 0x6f, OP_VECTOR_LOAD, 16, false },  /* MOVDQU */
	{ 0x66, 0x7e, OP_VECTOR_STORE, 0, false },  /* MOVD, MOVQ */
	{ 0xf3, 0x7e, OP_VECTOR_LOAD, 8, false },   /* MOVQ */
	{ 0x66, 0x7f, OP_VECTOR_STORE, 16, true },  /* MOVDQA */
	{ 0xf3, 0x7f, OP_VECTOR_STORE, 16, false }, /* MOVDQU */
	{ 0x66, 0xd6, OP_VECTOR_STORE, 8, false },  /* MOVQ */
	{ 0x66, 0xe7, OP_VECTOR_STORE, 16, true },  /* MOVNTDQ */
	{ 0xf2, 0xf0, OP_VECTOR_LOAD, 16, false },  /* LDDQU */
};
