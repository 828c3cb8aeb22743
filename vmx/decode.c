/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/decode.h"

#include "hv/base/bits.h"

/* What a row of the opcode table says, besides the operation. */
#define BYTE   BIT32(0) /* 8-bit operands */
#define IMM_8  BIT32(1)
#define IMM_Z  BIT32(2) /* 16 or 32 bits, by operand size */
#define GROUP  BIT32(3) /* ModRM.reg says more; it is no register */
#define LOCKED BIT32(4) /* may have a LOCK prefix */
#define MODRM  BIT32(5) /* has a ModRM byte; else `op` is an enum other */

enum other {
	OTHER_NONE,
	OTHER_LEGACY, /* a prefix */
	OTHER_REX,
	OTHER_ESCAPE, /* 0F */
	OTHER_MOVSXD,
	OTHER_OFFSET, /* MOV between rAX and an address in the instruction */
	OTHER_STRING,
};

struct opcode {
	u8 op, flags;
};

#define ALU_ROWS(n)                                                                                \
	[(n)*8] = { INSN_ALU_STORE, MODRM | BYTE | LOCKED },                                       \
	[(n)*8 + 1] = { INSN_ALU_STORE, MODRM | LOCKED },                                          \
	[(n)*8 + 2] = { INSN_ALU_LOAD, MODRM | BYTE }, [(n)*8 + 3] = { INSN_ALU_LOAD, MODRM }

/* SDM volume 2, table A-2. What has no row is not known. */
static const struct opcode opcodes[256] = {
	ALU_ROWS(ALU_ADD),
	ALU_ROWS(ALU_OR),
	ALU_ROWS(ALU_ADC),
	ALU_ROWS(ALU_SBB),
	ALU_ROWS(ALU_AND),
	ALU_ROWS(ALU_SUB),
	ALU_ROWS(ALU_XOR),
	ALU_ROWS(ALU_CMP),
	[0x0f] = { OTHER_ESCAPE, 0 },
	[0x26] = { OTHER_LEGACY, 0 },
	[0x2e] = { OTHER_LEGACY, 0 },
	[0x36] = { OTHER_LEGACY, 0 },
	[0x3e] = { OTHER_LEGACY, 0 },
	[0x40 ... 0x4f] = { OTHER_REX, 0 },
	[0x63] = { OTHER_MOVSXD, 0 },
	[0x64 ... 0x67] = { OTHER_LEGACY, 0 },
	[0x80] = { INSN_ALU_IMM, MODRM | BYTE | IMM_8 | GROUP | LOCKED },
	[0x81] = { INSN_ALU_IMM, MODRM | IMM_Z | GROUP | LOCKED },
	[0x83] = { INSN_ALU_IMM, MODRM | IMM_8 | GROUP | LOCKED },
	[0x84] = { INSN_ALU_STORE, MODRM | BYTE },
	[0x85] = { INSN_ALU_STORE, MODRM },
	[0x86] = { INSN_XCHG, MODRM | BYTE | LOCKED },
	[0x87] = { INSN_XCHG, MODRM | LOCKED },
	[0x88] = { INSN_STORE, MODRM | BYTE },
	[0x89] = { INSN_STORE, MODRM },
	[0x8a] = { INSN_LOAD, MODRM | BYTE },
	[0x8b] = { INSN_LOAD, MODRM },
	[0xa0 ... 0xa3] = { OTHER_OFFSET, 0 },
	[0xa4 ... 0xa5] = { OTHER_STRING, 0 },
	[0xaa ... 0xad] = { OTHER_STRING, 0 },
	[0xc6] = { INSN_STORE_IMM, MODRM | BYTE | IMM_8 | GROUP },
	[0xc7] = { INSN_STORE_IMM, MODRM | IMM_Z | GROUP },
	[0xf0] = { OTHER_LEGACY, 0 },
	[0xf2 ... 0xf3] = { OTHER_LEGACY, 0 },
	[0xf6] = { INSN_ALU_IMM, MODRM | BYTE | IMM_8 | GROUP },
	[0xf7] = { INSN_ALU_IMM, MODRM | IMM_Z | GROUP },
};

#define EIGHT_TIMES(...)                                                                           \
	__VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, \
		__VA_ARGS__

/* Bytes of ModRM, SIB and displacement in 32- and 64-bit addressing; 0: a register operand. */
static const u8 modrm_length[256] = {
	EIGHT_TIMES(1, 1, 1, 1, 2, 5, 1, 1),
	EIGHT_TIMES(2, 2, 2, 2, 3, 2, 2, 2),
	EIGHT_TIMES(5, 5, 5, 5, 6, 5, 5, 5),
};
/* The same in 16-bit addressing. */
static const u8 modrm_length_16[256] = {
	EIGHT_TIMES(1, 1, 1, 1, 1, 1, 3, 1),
	EIGHT_TIMES(2, 2, 2, 2, 2, 2, 2, 2),
	EIGHT_TIMES(3, 3, 3, 3, 3, 3, 3, 3),
};

/* What the prefixes have made of things. */
struct prefixes {
	u8 rex; /* 0x40..0x4f, or 0 */
	bool operand, address, lock;
	u8 repeat, segment;
};

#define SEGMENT_DS 3

static void legacy_prefix(struct prefixes *p, u8 byte, enum insn_mode mode)
{
	p->rex = 0; /* REX counts right before the opcode only */
	switch (byte) {
	case 0x66:
		p->operand = true;
		break;
	case 0x67:
		p->address = true;
		break;
	case 0xf0:
		p->lock = true;
		break;
	case 0xf2:
	case 0xf3:
		p->repeat = byte;
		break;
	case 0x64:
	case 0x65:
		p->segment = byte - 0x60;
		break;
	default: /* 26 2e 36 3e: ES CS SS DS */
		if (mode != INSN_64)
			p->segment = (byte >> 3) & 3;
		break;
	}
}

static u8 operand_size(const struct prefixes *p, enum insn_mode mode)
{
	if (p->rex & 8)
		return 8;
	return (mode == INSN_16) != p->operand ? 2 : 4;
}

static u8 address_size(const struct prefixes *p, enum insn_mode mode)
{
	if (mode == INSN_64)
		return p->address ? 4 : 8;
	return (mode == INSN_16) != p->address ? 2 : 4;
}

/* Bytes of ModRM, SIB and displacement that begin at `at`; 0: not of a memory operand. */
static unsigned int modrm_bytes(const struct insn_bytes *bytes, unsigned int at, u8 address)
{
	u8 modrm = bytes->byte[at];

	if (unlikely(address == 2))
		return modrm_length_16[modrm];
	/* SIB with base 5 and mod 0: a displacement without base. */
	if ((modrm & 0xc7) == 4 && at + 1 < bytes->count && (bytes->byte[at + 1] & 7) == 5)
		return 6;
	return modrm_length[modrm];
}

static s64 immediate(const u8 *at, unsigned int size)
{
	s32 value;
	s16 half;

	switch (size) {
	case 1:
		return (s8)*at;
	case 2:
		__builtin_memcpy(&half, at, sizeof(half));
		return half;
	default:
		__builtin_memcpy(&value, at, sizeof(value));
		return value;
	}
}

static void set_register(struct insn *insn, const struct prefixes *p, u8 modrm)
{
	u8 reg = (modrm >> 3) & 7;

	insn->high = insn->reg_size == 1 && !p->rex && reg >= 4;
	insn->reg = insn->high ? reg - 4 : (u8)(reg | (p->rex & 4) << 1);
}

/* The ALU operation of an opcode that has one; 0xff: this member of a group is not known. */
static u8 alu_of(u8 opcode, u8 modrm)
{
	u8 member = (modrm >> 3) & 7;

	if (opcode < 0x40)
		return opcode >> 3;
	if (opcode <= 0x83)
		return member;
	if (opcode <= 0x85)
		return ALU_TEST;
	return member == 0 ? ALU_TEST : 0xff;
}

/* The rest of an instruction with ModRM at `at`; op, size and reg_size are set. */
static bool finish(struct insn *insn, const struct insn_bytes *bytes, const struct prefixes *p,
                   unsigned int at, u32 flags, u8 address)
{
	unsigned int length = modrm_bytes(bytes, at, address);
	unsigned int imm = flags & IMM_8 ? 1 : flags & IMM_Z ? MIN(insn->size, 4u) : 0;
	u8 modrm = bytes->byte[at];

	if (length == 0 || at + length + imm > bytes->count)
		return false;
	if (unlikely(p->lock) && !(flags & LOCKED))
		return false;
	if (insn->op >= INSN_ALU_STORE) {
		insn->alu = alu_of(bytes->byte[at - 1], modrm);
		if (insn->alu > ALU_TEST || (p->lock && insn->alu == ALU_CMP))
			return false;
	}
	if (imm != 0)
		insn->imm = (u64)immediate(&bytes->byte[at + length], imm);
	if (!(flags & GROUP))
		set_register(insn, p, modrm);
	else if (insn->op == INSN_STORE_IMM && (modrm & 0x38))
		return false;
	insn->length = (u8)(at + length + imm);
	return true;
}

/* MOVZX and MOVSX: 0F B6, B7, BE, BF. The opcode's second byte is at `at`. */
static bool decode_extend(struct insn *insn, const struct insn_bytes *bytes,
                          const struct prefixes *p, unsigned int at, u8 address)
{
	u8 opcode = bytes->byte[at];

	if (at + 1 >= bytes->count || (opcode & 0xf6) != 0xb6)
		return false;
	insn->op = opcode & 8 ? INSN_LOAD_SIGN : INSN_LOAD_ZERO;
	insn->size = opcode & 1 ? 2 : 1;
	return finish(insn, bytes, p, at + 1, 0, address);
}

/* A0 to A3: the address follows the opcode. */
static bool decode_offset(struct insn *insn, const struct insn_bytes *bytes,
                          const struct prefixes *p, unsigned int at, u8 address)
{
	u8 opcode = bytes->byte[at - 1];

	if (p->lock || at + address > bytes->count)
		return false;
	insn->op = opcode & 2 ? INSN_STORE : INSN_LOAD;
	insn->size = insn->reg_size = opcode & 1 ? insn->size : 1;
	insn->reg = insn->high = 0;
	insn->length = (u8)(at + address);
	return true;
}

static bool decode_string(struct insn *insn, const struct insn_bytes *bytes,
                          const struct prefixes *p, unsigned int at, u8 address)
{
	u8 opcode = bytes->byte[at - 1];

	if (p->lock)
		return false;
	insn->op = opcode < 0xaa   ? INSN_STRING_MOVE
	           : opcode < 0xac ? INSN_STRING_STORE
	                           : INSN_STRING_LOAD;
	insn->size = insn->reg_size = opcode & 1 ? insn->size : 1;
	insn->reg = insn->high = 0;
	insn->length = (u8)at;
	insn->repeat = p->repeat;
	insn->address_size = address;
	insn->segment = p->segment;
	return true;
}

/* Opcodes without ModRM and those of another map; `at` is behind the opcode. */
static bool decode_other(struct insn *insn, const struct insn_bytes *bytes,
                         const struct prefixes *p, unsigned int at, enum other other,
                         enum insn_mode mode)
{
	u8 address = address_size(p, mode);

	insn->size = insn->reg_size;
	switch (other) {
	case OTHER_ESCAPE:
		return at < bytes->count && decode_extend(insn, bytes, p, at, address);
	case OTHER_MOVSXD:
		insn->op = INSN_LOAD_SIGN;
		insn->size = MIN(insn->size, 4);
		return mode == INSN_64 && at < bytes->count &&
		       finish(insn, bytes, p, at, 0, address);
	case OTHER_OFFSET:
		return decode_offset(insn, bytes, p, at, address);
	case OTHER_STRING:
		return decode_string(insn, bytes, p, at, address);
	default:
		return false;
	}
}

static NOINLINE bool decode(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode)
{
	struct prefixes p = { .segment = SEGMENT_DS };
	const struct opcode *row;
	unsigned int at = 0;

	for (;; at++) {
		u8 byte;

		if (at + 1 > bytes->count)
			return false;
		byte = bytes->byte[at];
		row = &opcodes[byte];
		if (likely(row->flags & MODRM))
			break;
		if (row->op == OTHER_LEGACY)
			legacy_prefix(&p, byte, mode);
		else if (row->op == OTHER_REX && mode == INSN_64)
			p.rex = byte;
		else
			break;
	}
	insn->reg_size = operand_size(&p, mode);
	if (unlikely(!(row->flags & MODRM)))
		return decode_other(insn, bytes, &p, at + 1, row->op, mode);
	if (row->flags & BYTE)
		insn->reg_size = 1;
	insn->size = insn->reg_size;
	insn->op = row->op;
	return at + 1 < bytes->count &&
	       finish(insn, bytes, &p, at + 1, row->flags, address_size(&p, mode));
}

/*
 * The forms that drivers of the local APIC are made of, in 32- and 64-bit addressing: MOV of 32 or
 * 64 bits between memory and a register, and of an immediate to memory. This is on the path of an
 * IPI, so it is kept short; what it does not take, decode() does, with the same result.
 */
static ALWAYS_INLINE bool decode_quickly(struct insn *insn, const struct insn_bytes *bytes,
                                         enum insn_mode mode)
{
	const u8 *at = bytes->byte;
	bool rex = (*at & 0xf0) == 0x40 && mode == INSN_64;
	u8 prefix = rex ? *at++ : 0;
	u8 opcode = at[0], modrm = at[1];
	unsigned int length = modrm_length[modrm];

	if (length == 0 || mode == INSN_16)
		return false;
	if ((modrm & 0xc7) == 4 && (at[2] & 7) == 5)
		length = 6;
	length += rex + 1u;
	insn->size = insn->reg_size = prefix & 8 ? 8 : 4;
	if ((opcode | 2) == 0x8b) {
		insn->op = opcode == 0x89 ? INSN_STORE : INSN_LOAD;
		insn->reg = (u8)(((modrm >> 3) & 7) | (prefix & 4) << 1);
		insn->high = 0;
	} else if (opcode == 0xc7 && !(modrm & 0x38)) {
		insn->op = INSN_STORE_IMM;
		insn->imm = (u64)immediate(bytes->byte + length, 4);
		length += 4;
	} else {
		return false;
	}
	insn->length = (u8)length;
	return length <= bytes->count;
}

bool insn_decode(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode)
{
	if (likely(decode_quickly(insn, bytes, mode)) || decode(insn, bytes, mode))
		return true;
	insn->op = INSN_UNKNOWN;
	return false;
}
