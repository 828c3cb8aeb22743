/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/decode.h"

#define EIGHT_TIMES(...)                                                                           \
	__VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, \
		__VA_ARGS__

/* Bytes of ModRM, SIB and displacement in 32- and 64-bit addressing; 0: a register operand. */
static const u8 modrm_length[256] = {
	EIGHT_TIMES(1, 1, 1, 1, 2, 5, 1, 1),
	EIGHT_TIMES(2, 2, 2, 2, 3, 2, 2, 2),
	EIGHT_TIMES(5, 5, 5, 5, 6, 5, 5, 5),
};

static u64 immediate(const u8 *at)
{
	s32 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return (u64)(s64)value;
}

static bool decode_move(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode)
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
	insn->size = prefix & 8 ? 8 : 4;
	if ((opcode | 2) == 0x8b) {
		insn->op = opcode == 0x89 ? INSN_STORE : INSN_LOAD;
		insn->reg = (u8)(((modrm >> 3) & 7) | (prefix & 4) << 1);
	} else if (opcode == 0xc7 && !(modrm & 0x38)) {
		insn->op = INSN_STORE_IMM;
		insn->imm = immediate(bytes->byte + length);
		length += 4;
	} else {
		return false;
	}
	insn->length = (u8)length;
	return length <= bytes->count;
}

bool insn_decode(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode)
{
	if (likely(decode_move(insn, bytes, mode)))
		return true;
	insn->op = INSN_UNKNOWN;
	return false;
}
