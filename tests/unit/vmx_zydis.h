/* SPDX-License-Identifier: MIT */
/* What Zydis says of an instruction, in the decoder's words. */
#ifndef TESTS_UNIT_VMX_ZYDIS_H
#define TESTS_UNIT_VMX_ZYDIS_H

#include "vmx/decode.h"

#include "hv/base/bits.h"

#include <Zydis/Zydis.h>
#include <string.h>

static ZydisDecoder decoders[3];

static inline void oracle_setup(void)
{
	ZydisDecoderInit(&decoders[INSN_16], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoders[INSN_32], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[INSN_64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

static const struct {
	ZydisMnemonic mnemonic;
	enum insn_alu alu;
} alus[] = {
	{ ZYDIS_MNEMONIC_ADD, ALU_ADD },   { ZYDIS_MNEMONIC_OR, ALU_OR },
	{ ZYDIS_MNEMONIC_ADC, ALU_ADC },   { ZYDIS_MNEMONIC_SBB, ALU_SBB },
	{ ZYDIS_MNEMONIC_AND, ALU_AND },   { ZYDIS_MNEMONIC_SUB, ALU_SUB },
	{ ZYDIS_MNEMONIC_XOR, ALU_XOR },   { ZYDIS_MNEMONIC_CMP, ALU_CMP },
	{ ZYDIS_MNEMONIC_TEST, ALU_TEST },
};

static bool is_gpr(const ZydisDecodedOperand *o)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(o->reg.value);

	return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       (class == ZYDIS_REGCLASS_GPR8 || class == ZYDIS_REGCLASS_GPR16 ||
	        class == ZYDIS_REGCLASS_GPR32 || class == ZYDIS_REGCLASS_GPR64);
}

static void put_register(struct insn *insn, const ZydisDecodedOperand *o)
{
	ZydisRegister r = o->reg.value;

	insn->reg_size = (u8)(o->size / 8);
	switch (ZydisRegisterGetClass(r)) {
	case ZYDIS_REGCLASS_GPR8:
		insn->high = r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH;
		insn->reg = (u8)(r - ZYDIS_REGISTER_AL - (r >= ZYDIS_REGISTER_AH ? 4 : 0));
		break;
	case ZYDIS_REGCLASS_GPR16:
		insn->reg = (u8)(r - ZYDIS_REGISTER_AX);
		break;
	case ZYDIS_REGCLASS_GPR32:
		insn->reg = (u8)(r - ZYDIS_REGISTER_EAX);
		break;
	default:
		insn->reg = (u8)(r - ZYDIS_REGISTER_RAX);
		break;
	}
}

/* The operation of two visible operands, of which one must be memory. */
static enum insn_op two_operands(struct insn *insn, ZydisMnemonic mnemonic,
                                 const ZydisDecodedOperand *o, enum insn_op load,
                                 enum insn_op store, enum insn_op immediate)
{
	if (o[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		insn->size = insn->reg_size = (u8)(o[0].size / 8);
		if (o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
			insn->imm = o[1].imm.is_signed ? (u64)o[1].imm.value.s : o[1].imm.value.u;
			return immediate;
		}
		if (!is_gpr(&o[1]))
			return INSN_UNKNOWN;
		put_register(insn, &o[1]);
		return store;
	}
	if (o[1].type != ZYDIS_OPERAND_TYPE_MEMORY || !is_gpr(&o[0]))
		return INSN_UNKNOWN;
	insn->size = (u8)(o[1].size / 8);
	put_register(insn, &o[0]);
	/* With 16-bit operands MOVSXD reads 16 bits (SDM 2B); Zydis says 32, as AMD's manual does.
	 */
	if (mnemonic == ZYDIS_MNEMONIC_MOVSXD)
		insn->size = MIN(insn->size, insn->reg_size);
	return load;
}

static enum insn_op string_operation(struct insn *insn, const ZydisDecodedInstruction *z,
                                     const ZydisDecodedOperand *o, enum insn_op op)
{
	/* o[0]: destination, o[1]: source; the memory operand of LODS and MOVS is the source. */
	const ZydisDecodedOperand *from = op == INSN_STRING_STORE ? NULL : &o[1];

	insn->size = insn->reg_size = (u8)(o[0].size / 8);
	insn->address_size = (u8)(z->address_width / 8);
	for (unsigned int i = 0; i < z->raw.prefix_count; i++) {
		u8 byte = z->raw.prefixes[i].value;

		if (byte == 0xf2 || byte == 0xf3)
			insn->repeat = byte;
	}
	insn->segment = from ? (u8)(from->mem.segment - ZYDIS_REGISTER_ES) : 3;
	return op;
}

static enum insn_op classify(struct insn *insn, const ZydisDecodedInstruction *z,
                             const ZydisDecodedOperand *o)
{
	if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return INSN_UNKNOWN;
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return two_operands(insn, z->mnemonic, o, INSN_LOAD, INSN_STORE, INSN_STORE_IMM);
	case ZYDIS_MNEMONIC_MOVZX:
		return two_operands(insn, z->mnemonic, o, INSN_LOAD_ZERO, INSN_UNKNOWN,
		                    INSN_UNKNOWN);
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		return two_operands(insn, z->mnemonic, o, INSN_LOAD_SIGN, INSN_UNKNOWN,
		                    INSN_UNKNOWN);
	case ZYDIS_MNEMONIC_XCHG:
		return two_operands(insn, z->mnemonic, o, INSN_UNKNOWN, INSN_XCHG, INSN_UNKNOWN);
	case ZYDIS_MNEMONIC_MOVSB:
	case ZYDIS_MNEMONIC_MOVSW:
	case ZYDIS_MNEMONIC_MOVSQ:
		return string_operation(insn, z, o, INSN_STRING_MOVE);
	case ZYDIS_MNEMONIC_MOVSD: /* also a name of SSE2 */
		return z->raw.modrm.offset ? INSN_UNKNOWN
		                           : string_operation(insn, z, o, INSN_STRING_MOVE);
	case ZYDIS_MNEMONIC_STOSB:
	case ZYDIS_MNEMONIC_STOSW:
	case ZYDIS_MNEMONIC_STOSD:
	case ZYDIS_MNEMONIC_STOSQ:
		return string_operation(insn, z, o, INSN_STRING_STORE);
	case ZYDIS_MNEMONIC_LODSB:
	case ZYDIS_MNEMONIC_LODSW:
	case ZYDIS_MNEMONIC_LODSD:
	case ZYDIS_MNEMONIC_LODSQ:
		return string_operation(insn, z, o, INSN_STRING_LOAD);
	default:
		break;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(alus); i++) {
		if (alus[i].mnemonic != z->mnemonic)
			continue;
		insn->alu = (u8)alus[i].alu;
		return two_operands(insn, z->mnemonic, o, INSN_ALU_LOAD, INSN_ALU_STORE,
		                    INSN_ALU_IMM);
	}
	return INSN_UNKNOWN;
}

/* Aliases that no assembler makes: 82 of 80, F6 /1 and F7 /1 of /0. We leave them out. */
static bool is_alias(const ZydisDecodedInstruction *z)
{
	return z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
	       (z->opcode == 0x82 || ((z->opcode | 1) == 0xf7 && z->raw.modrm.reg == 1));
}

static inline bool oracle(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode)
{
	ZydisDecodedInstruction z;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	memset(insn, 0, sizeof(*insn));
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], bytes->byte, bytes->count, &z,
	                                         operands)) ||
	    is_alias(&z))
		return false;
	insn->op = (u8)classify(insn, &z, operands);
	insn->length = z.length;
	return insn->op != INSN_UNKNOWN;
}

#endif
