/* SPDX-License-Identifier: MIT */
/* Zydis' reading of an instruction, in the decoder's terms. */
#ifndef TESTS_UNIT_MONITOR_ZYDIS_H
#define TESTS_UNIT_MONITOR_ZYDIS_H

#include "hv/ring3/monitor/decode.h"

#include "hv/base/bits.h"

#include <Zydis/Zydis.h>
#include <string.h>

static ZydisDecoder decoders[3];

static inline void oracle_setup(void)
{
	ZydisDecoderInit(&decoders[CODE_16], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoders[CODE_32], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[CODE_64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

/* Operations by mnemonic: memory := register, register := memory, memory and immediate, alone. */
static const struct {
	ZydisMnemonic mnemonic;
	enum operation store, load, immediate, alone;
	enum alu alu;
} mnemonics[] = {
#define BINARY(name)                                                                               \
	{                                                                                          \
		ZYDIS_MNEMONIC_##name, OP_ALU_STORE, OP_ALU_LOAD, OP_ALU_IMM, 0, ALU_##name        \
	}
	BINARY(ADD),
	BINARY(OR),
	BINARY(ADC),
	BINARY(SBB),
	BINARY(AND),
	BINARY(SUB),
	BINARY(XOR),
	BINARY(CMP),
	BINARY(TEST),
#define BIT_OF(name)                                                                               \
	{                                                                                          \
		ZYDIS_MNEMONIC_##name, OP_BIT, 0, OP_BIT_IMM, 0, ALU_##name                        \
	}
	BIT_OF(BT),
	BIT_OF(BTS),
	BIT_OF(BTR),
	BIT_OF(BTC),
#define ALONE(name)                                                                                \
	{                                                                                          \
		ZYDIS_MNEMONIC_##name, 0, 0, 0, OP_UNARY, ALU_##name                               \
	}
	ALONE(INC),
	ALONE(DEC),
	ALONE(NOT),
	ALONE(NEG),
	{ ZYDIS_MNEMONIC_MOV, OP_STORE, OP_LOAD, OP_STORE_IMM, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVNTI, OP_STORE, 0, 0, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVZX, 0, OP_LOAD_ZERO, 0, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSX, 0, OP_LOAD_SIGN, 0, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSXD, 0, OP_LOAD_SIGN, 0, 0, 0 },
	{ ZYDIS_MNEMONIC_XCHG, OP_XCHG, 0, 0, 0, 0 },
	{ ZYDIS_MNEMONIC_XADD, OP_XADD, 0, 0, 0, 0 },
	{ ZYDIS_MNEMONIC_CMPXCHG, OP_CMPXCHG, 0, 0, 0, 0 },
	{ ZYDIS_MNEMONIC_PUSH, 0, 0, 0, OP_PUSH, 0 },
	{ ZYDIS_MNEMONIC_POP, 0, 0, 0, OP_POP, 0 },
};

static const struct {
	ZydisMnemonic mnemonic;
	bool aligned;
} vectors[] = {
	{ ZYDIS_MNEMONIC_MOVUPS, false }, { ZYDIS_MNEMONIC_MOVUPD, false },
	{ ZYDIS_MNEMONIC_MOVSS, false },  { ZYDIS_MNEMONIC_MOVSD, false },
	{ ZYDIS_MNEMONIC_MOVAPS, true },  { ZYDIS_MNEMONIC_MOVAPD, true },
	{ ZYDIS_MNEMONIC_MOVNTPS, true }, { ZYDIS_MNEMONIC_MOVNTPD, true },
	{ ZYDIS_MNEMONIC_MOVD, false },   { ZYDIS_MNEMONIC_MOVQ, false },
	{ ZYDIS_MNEMONIC_MOVDQA, true },  { ZYDIS_MNEMONIC_MOVDQU, false },
	{ ZYDIS_MNEMONIC_MOVNTDQ, true }, { ZYDIS_MNEMONIC_LDDQU, false },
};

#define STRINGS(name, op, memory)                                                                  \
	{ ZYDIS_MNEMONIC_##name##B, op, memory }, { ZYDIS_MNEMONIC_##name##W, op, memory },        \
	{                                                                                          \
		ZYDIS_MNEMONIC_##name##D, op, memory                                               \
	}
#define STRINGS_64(name, op, memory)                                                               \
	STRINGS(name, op, memory),                                                                 \
	{                                                                                          \
		ZYDIS_MNEMONIC_##name##Q, op, memory                                               \
	}

/* Which of Zydis' operands is the source in memory; -1: none. */
static const struct {
	ZydisMnemonic mnemonic;
	enum operation op;
	int source;
} strings[] = {
	STRINGS_64(MOVS, OP_STRING_MOVE, 1),  STRINGS_64(STOS, OP_STRING_STORE, -1),
	STRINGS_64(LODS, OP_STRING_LOAD, 1),  STRINGS_64(CMPS, OP_STRING_CMP, 0),
	STRINGS_64(SCAS, OP_STRING_SCAN, -1), STRINGS(INS, OP_STRING_INPUT, -1),
	STRINGS(OUTS, OP_STRING_OUTPUT, 1),
};

static u8 number_of(ZydisRegister r)
{
	if (r == ZYDIS_REGISTER_NONE)
		return REG_NONE;
	if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP)
		return REG_RIP;
	return (u8)ZydisRegisterGetId(r);
}

/*
 * With ModRM.mod 0 and SIB.base 5 there is a displacement and no base, whatever REX.B says (SDM 2A,
 * table 2-5). Zydis names R13, though it counts the displacement's bytes.
 */
static bool has_no_base(const ZydisDecodedInstruction *z)
{
	return z->raw.sib.offset != 0 && z->raw.modrm.mod == 0 && z->raw.sib.base == 5 &&
	       z->address_width > 16;
}

static void put_memory(struct decoded *d, const ZydisDecodedInstruction *z,
                       const ZydisDecodedOperand *o)
{
	d->size = (u8)(o->size / 8);
	d->address = (struct operand_address){
		.base = number_of(o->mem.base),
		.index = number_of(o->mem.index),
		.scale = o->mem.scale,
		.segment = (u8)(o->mem.segment - ZYDIS_REGISTER_ES),
		.displacement = o->mem.disp.value,
	};
	if (has_no_base(z)) {
		d->address.base = REG_NONE;
		d->address.displacement = z->raw.disp.value;
	}
}

/* False: neither a general nor a vector register. */
static bool put_register(struct decoded *d, const ZydisDecodedOperand *o, bool vector)
{
	ZydisRegister r = o->reg.value;

	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	d->reg_size = (u8)(o->size / 8);
	switch (ZydisRegisterGetClass(r)) {
	case ZYDIS_REGCLASS_GPR8:
		d->high = r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH;
		d->reg = (u8)(r - ZYDIS_REGISTER_AL - (r >= ZYDIS_REGISTER_AH ? 4 : 0));
		return !vector;
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		d->reg = (u8)ZydisRegisterGetId(r);
		return !vector;
	case ZYDIS_REGCLASS_XMM:
		d->reg = (u8)ZydisRegisterGetId(r);
		return vector;
	default:
		return false;
	}
}

/* One of two visible operands must be memory. */
static enum operation two_operands(struct decoded *d, const ZydisDecodedInstruction *z,
                                   const ZydisDecodedOperand *o, enum operation load,
                                   enum operation store, enum operation immediate, bool vector)
{
	if (o[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		put_memory(d, z, &o[0]);
		if (o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
			d->imm = o[1].imm.is_signed ? (u64)o[1].imm.value.s : o[1].imm.value.u;
			return immediate;
		}
		return put_register(d, &o[1], vector) ? store : OP_UNKNOWN;
	}
	if (o[1].type != ZYDIS_OPERAND_TYPE_MEMORY || !put_register(d, &o[0], vector))
		return OP_UNKNOWN;
	put_memory(d, z, &o[1]);
	/*
	 * With 16-bit operands MOVSXD reads 16 bits (SDM 2B); Zydis says 32, as AMD's manual does.
	 */
	if (load == OP_LOAD_SIGN)
		d->size = MIN(d->size, d->reg_size);
	return load;
}

static void string_operation(struct decoded *d, const ZydisDecodedInstruction *z,
                             const ZydisDecodedOperand *o, int source)
{
	d->size = d->reg_size =
		(u8)(o[z->mnemonic == ZYDIS_MNEMONIC_OUTSB || z->mnemonic == ZYDIS_MNEMONIC_OUTSW ||
	                               z->mnemonic == ZYDIS_MNEMONIC_OUTSD
	                       ? 1
	                       : 0]
	                     .size /
	             8);
	for (unsigned int i = 0; i < z->raw.prefix_count; i++) {
		u8 byte = z->raw.prefixes[i].value;

		if (byte == 0xf2 || byte == 0xf3)
			d->repeat = byte;
	}
	if (source >= 0)
		d->address.segment = (u8)(o[source].mem.segment - ZYDIS_REGISTER_ES);
}

static enum operation classify(struct decoded *d, const ZydisDecodedInstruction *z,
                               const ZydisDecodedOperand *o)
{
	if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return OP_UNKNOWN;
	if (z->raw.modrm.offset == 0) {
		for (unsigned int i = 0; i < ARRAY_SIZE(strings); i++)
			if (strings[i].mnemonic == z->mnemonic) {
				string_operation(d, z, o, strings[i].source);
				return strings[i].op;
			}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(vectors); i++)
		if (vectors[i].mnemonic == z->mnemonic) {
			d->aligned = vectors[i].aligned;
			return two_operands(d, z, o, OP_VECTOR_LOAD, OP_VECTOR_STORE, 0, true);
		}
	for (unsigned int i = 0; i < ARRAY_SIZE(mnemonics); i++) {
		if (mnemonics[i].mnemonic != z->mnemonic)
			continue;
		d->alu = (u8)mnemonics[i].alu;
		if (mnemonics[i].alone == OP_UNKNOWN)
			return two_operands(d, z, o, mnemonics[i].load, mnemonics[i].store,
			                    mnemonics[i].immediate, false);
		if (o[0].type != ZYDIS_OPERAND_TYPE_MEMORY)
			return OP_UNKNOWN;
		put_memory(d, z, &o[0]);
		return mnemonics[i].alone;
	}
	return OP_UNKNOWN;
}

static inline bool oracle(struct decoded *d, const u8 *code, u32 count, enum code_mode mode)
{
	ZydisDecodedInstruction z;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	memset(d, 0, sizeof(*d));
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], code, count, &z, operands)))
		return false;
	d->op = (u8)classify(d, &z, operands);
	d->length = z.length;
	d->address_size = (u8)(z.address_width / 8);
	d->lock = (z.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0;
	return d->op != OP_UNKNOWN;
}

#endif
