/* SPDX-License-Identifier: MIT */
/* The MMIO decoder against Zydis: same verdict, length and operands; and the ALU against the CPU.
 */
#include "vmx/decode.h"

#include "hv/base/bits.h"

#include <Zydis/Zydis.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u64 seed = 0x9e3779b97f4a7c15ull;

static u64 any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static ZydisDecoder decoders[3];

static void setup(void)
{
	ZydisDecoderInit(&decoders[INSN_16], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoders[INSN_32], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[INSN_64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

/* ---- what Zydis says, in our words ---- */

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

static bool oracle(struct insn *insn, const struct insn_bytes *bytes, enum insn_mode mode)
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

/* ---- comparison ---- */

static unsigned int known;

static void differ(const char *what, const struct insn_bytes *bytes, enum insn_mode mode,
                   const struct insn *ours, const struct insn *theirs)
{
	char text[64] = "";

	for (u32 i = 0; i < bytes->count; i++)
		snprintf(text + 3 * i, 4, "%02x ", bytes->byte[i]);
	ck_abort_msg("%s differs, mode %d, %s: op %d/%d length %d/%d size %d/%d reg %d/%d "
	             "reg_size %d/%d high %d/%d alu %d/%d imm %lx/%lx",
	             what, mode, text, ours->op, theirs->op, ours->length, theirs->length,
	             ours->size, theirs->size, ours->reg, theirs->reg, ours->reg_size,
	             theirs->reg_size, ours->high, theirs->high, ours->alu, theirs->alu, ours->imm,
	             theirs->imm);
}

static const char *difference(const struct insn *a, const struct insn *b)
{
	bool has_imm = a->op == INSN_STORE_IMM || a->op == INSN_ALU_IMM;
	u64 mask = BITS(a->size * 8u - 1, 0);

	if (a->op != b->op)
		return "operation";
	if (a->length != b->length)
		return "length";
	if (a->size != b->size || (!has_imm && a->reg_size != b->reg_size))
		return "size";
	if (has_imm && (a->imm & mask) != (b->imm & mask))
		return "immediate";
	if (a->op >= INSN_ALU_STORE && a->op <= INSN_ALU_LOAD && a->alu != b->alu)
		return "ALU operation";
	if (a->op >= INSN_STRING_STORE)
		return a->repeat != b->repeat                                   ? "repeat"
		       : a->address_size != b->address_size                     ? "address size"
		       : a->op != INSN_STRING_STORE && a->segment != b->segment ? "segment"
		                                                                : NULL;
	if (!has_imm && (a->reg != b->reg || a->high != b->high))
		return "register";
	return NULL;
}

static void compare(struct insn_bytes *bytes, enum insn_mode mode)
{
	struct insn ours, theirs;
	bool we_know, they_know = oracle(&theirs, bytes, mode);
	const char *what;

	memset(&ours, 0xa5, sizeof(ours));
	we_know = insn_decode(&ours, bytes, mode);
	if (we_know != they_know)
		differ("verdict", bytes, mode, &ours, &theirs);
	if (!we_know) {
		ck_assert_uint_eq(ours.op, INSN_UNKNOWN);
		return;
	}
	known++;
	what = difference(&ours, &theirs);
	if (what)
		differ(what, bytes, mode, &ours, &theirs);
	bytes->count = ours.length - 1u; /* cut by one byte, it is no instruction */
	if (insn_decode(&ours, bytes, mode))
		differ("cut", bytes, mode, &ours, &theirs);
}

static void random_bytes(struct insn_bytes *bytes)
{
	u64 words[2] = { any(), any() };

	memcpy(bytes->byte, words, sizeof(words));
	bytes->count = INSN_MAX;
}

static const struct {
	u8 count, byte[4];
} prefixes[] = {
	{ 0, { 0 } },
	{ 1, { 0x66 } },
	{ 1, { 0x67 } },
	{ 2, { 0x66, 0x67 } },
	{ 1, { 0xf0 } },
	{ 1, { 0xf2 } },
	{ 1, { 0xf3 } },
	{ 2, { 0xf2, 0xf3 } },
	{ 1, { 0x26 } },
	{ 1, { 0x2e } },
	{ 1, { 0x36 } },
	{ 1, { 0x3e } },
	{ 1, { 0x64 } },
	{ 2, { 0x65, 0x2e } },
	{ 1, { 0x40 } },
	{ 1, { 0x41 } },
	{ 1, { 0x44 } },
	{ 1, { 0x48 } },
	{ 1, { 0x4f } },
	{ 2, { 0x66, 0x48 } },
	{ 2, { 0x48, 0x66 } }, /* REX not in its place */
	{ 2, { 0x67, 0x45 } },
	{ 3, { 0x40, 0x4c, 0x44 } },
	{ 4, { 0xf0, 0x66, 0x67, 0x4c } },
};

/* Each prefix group, opcode of both maps and ModRM byte without its register, with random rest. */
static void every_opcode(enum insn_mode mode, bool second_map)
{
	for (unsigned int p = 0; p < ARRAY_SIZE(prefixes); p++) {
		for (unsigned int i = 0; i < 256 * 32; i++) {
			struct insn_bytes bytes;
			u8 *at = bytes.byte + prefixes[p].count;
			unsigned int form = i & 31, reg = (unsigned int)any() & 7;

			random_bytes(&bytes);
			memcpy(bytes.byte, prefixes[p].byte, prefixes[p].count);
			if (second_map)
				*at++ = 0x0f;
			at[0] = (u8)(i >> 5);
			at[1] = (u8)((form & 0x18) << 3 | reg << 3 | (form & 7));
			compare(&bytes, mode);
		}
	}
}

START_TEST(every_opcode_as_zydis)
{
	known = 0;
	every_opcode((enum insn_mode)(_i / 2), _i % 2);
	ck_assert_uint_gt(known, _i % 2 ? 1000 : 15000);
}
END_TEST

/* Every ModRM and SIB byte of the quick forms. */
START_TEST(every_address_as_zydis)
{
	static const u8 opcodes[] = { 0x89, 0x8b, 0xc7, 0x88, 0x8a, 0xc6, 0xa1, 0xa3, 0x83, 0x63 };

	for (unsigned int i = 0; i < 65536; i++) {
		if ((i & 7) != 4 && i >> 8 != 0) /* SIB only where there is one */
			continue;
		for (unsigned int o = 0; o < ARRAY_SIZE(opcodes); o++) {
			struct insn_bytes bytes;

			random_bytes(&bytes);
			bytes.byte[0] = opcodes[o];
			bytes.byte[1] = (u8)i;
			bytes.byte[2] = (u8)(i >> 8);
			compare(&bytes, (enum insn_mode)_i);
		}
	}
}
END_TEST

static const u8 likely_bytes[] = {
	0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x40, 0x41, 0x44, 0x48, 0x4c, 0x64,
	0x2e, 0x0f, 0x88, 0x89, 0x8b, 0xc7, 0xa3, 0xa5, 0xaa, 0xb6, 0xbf,
	0x63, 0x81, 0x83, 0xf7, 0x87, 0x09, 0x04, 0x05, 0x25, 0x84,
};

START_TEST(random_bytes_as_zydis)
{
	for (unsigned int i = 0; i < 60000; i++) {
		struct insn_bytes bytes;

		random_bytes(&bytes);
		for (unsigned int k = 0; i % 4 && k < INSN_MAX; k++) {
			if (any() % 3)
				bytes.byte[k] = likely_bytes[any() % ARRAY_SIZE(likely_bytes)];
		}
		bytes.count = (u32)(i % 7 ? INSN_MAX : any() % (INSN_MAX + 1));
		compare(&bytes, (enum insn_mode)_i);
	}
}
END_TEST

/* 15 bytes are an instruction, 16 are none. */
START_TEST(prefixes_to_the_limit)
{
	struct insn_bytes bytes = { .count = INSN_MAX };
	struct insn insn;

	memset(bytes.byte, 0x66, sizeof(bytes.byte));
	memcpy(bytes.byte + 13, "\x89\x00", 2);
	ck_assert(insn_decode(&insn, &bytes, INSN_32));
	ck_assert_uint_eq(insn.length, 15);
	ck_assert_uint_eq(insn.size, 2);
	bytes.byte[13] = 0x66;
	bytes.byte[14] = 0x89;
	ck_assert(!insn_decode(&insn, &bytes, INSN_32));
	memset(bytes.byte, 0xf0, sizeof(bytes.byte));
	ck_assert(!insn_decode(&insn, &bytes, INSN_64));
	bytes.count = 0;
	ck_assert(!insn_decode(&insn, &bytes, INSN_64));
}
END_TEST

/* Spelled out, so that the field's meanings do not rest on Zydis alone. */
START_TEST(fields_of_a_few)
{
	struct insn_bytes bytes = { .count = INSN_MAX };
	struct insn insn;

	memcpy(bytes.byte, "\x45\x89\xa7\x00\x03\x00\x00", 7); /* mov [r15 + 0x300], r12d */
	ck_assert(insn_decode(&insn, &bytes, INSN_64));
	ck_assert(insn.op == INSN_STORE && insn.reg == 12 && insn.size == 4 && insn.length == 7);
	memcpy(bytes.byte, "\xc7\x04\x25\x10\x03\xe0\xfe\x00\x00\x00\xff", 11);
	ck_assert(insn_decode(&insn, &bytes, INSN_64));
	ck_assert(insn.op == INSN_STORE_IMM && insn.imm == 0xffffffffff000000ull);
	ck_assert(insn.length == 11 && insn.size == 4);
	memcpy(bytes.byte, "\x88\x67\x01", 3); /* mov [rdi + 1], ah */
	ck_assert(insn_decode(&insn, &bytes, INSN_64));
	ck_assert(insn.high == 1 && insn.reg == 0 && insn.size == 1);
	memcpy(bytes.byte, "\x48\x0f\xbf\x07", 4); /* movsx rax, word [rdi] */
	ck_assert(insn_decode(&insn, &bytes, INSN_64));
	ck_assert(insn.op == INSN_LOAD_SIGN && insn.size == 2 && insn.reg_size == 8);
	memcpy(bytes.byte, "\xf3\x64\xa4", 3); /* rep movsb from fs */
	ck_assert(insn_decode(&insn, &bytes, INSN_32));
	ck_assert(insn.op == INSN_STRING_MOVE && insn.repeat == 0xf3 && insn.segment == 4);
	ck_assert(insn.address_size == 4);
}
END_TEST

/* ---- the ALU ---- */

#define STATUS_FLAGS 0x8d5ull

#define ON_CPU(name, type)                                                                         \
	case name##_OP:                                                                            \
		__asm__("lea -128(%%rsp), %%rsp; pushfq; popq %%rax; and $-0x8d6, %%rax; "         \
		        "or %2, %%rax; pushq %%rax; popfq; " name##_TEXT                           \
		        " %3, %0; "                                                                \
		        "pushfq; popq %1; lea 128(%%rsp), %%rsp"                                   \
		        : "+r"(x), "=r"(flags)                                                     \
		        : "r"(in), "r"(y)                                                          \
		        : "rax", "cc");                                                            \
		break;

#define ADD_OP    ALU_ADD
#define ADD_TEXT  "add"
#define OR_OP     ALU_OR
#define OR_TEXT   "or"
#define ADC_OP    ALU_ADC
#define ADC_TEXT  "adc"
#define SBB_OP    ALU_SBB
#define SBB_TEXT  "sbb"
#define AND_OP    ALU_AND
#define AND_TEXT  "and"
#define SUB_OP    ALU_SUB
#define SUB_TEXT  "sub"
#define XOR_OP    ALU_XOR
#define XOR_TEXT  "xor"
#define CMP_OP    ALU_CMP
#define CMP_TEXT  "cmp"
#define TEST_OP   ALU_TEST
#define TEST_TEXT "test"

/* The processor's own answer, for each width. */
#define CPU_FUNCTION(type)                                                                         \
	static u64 cpu_##type(enum insn_alu alu, u64 a, u64 b, u64 *rflags)                        \
	{                                                                                          \
		type x = (type)a, y = (type)b;                                                     \
		u64 in = *rflags & STATUS_FLAGS, flags = 0;                                        \
		switch (alu) {                                                                     \
			ON_CPU(ADD, type)                                                          \
			ON_CPU(OR, type)                                                           \
			ON_CPU(ADC, type)                                                          \
			ON_CPU(SBB, type)                                                          \
			ON_CPU(AND, type)                                                          \
			ON_CPU(SUB, type)                                                          \
			ON_CPU(XOR, type)                                                          \
			ON_CPU(CMP, type)                                                          \
			ON_CPU(TEST, type)                                                         \
		}                                                                                  \
		*rflags = (*rflags & ~STATUS_FLAGS) | (flags & STATUS_FLAGS);                      \
		return x;                                                                          \
	}
CPU_FUNCTION(u8)
CPU_FUNCTION(u16)
CPU_FUNCTION(u32)
CPU_FUNCTION(u64)

static u64 on_cpu(enum insn_alu alu, u64 a, u64 b, u8 size, u64 *rflags)
{
	switch (size) {
	case 1:
		return cpu_u8(alu, a, b, rflags);
	case 2:
		return cpu_u16(alu, a, b, rflags);
	case 4:
		return cpu_u32(alu, a, b, rflags);
	default:
		return cpu_u64(alu, a, b, rflags);
	}
}

static u64 operand(void)
{
	static const u64 corners[] = { 0,          1,          0x7f,       0x80,       0xff,
		                       0x7fff,     0x8000,     0xffff,     0x7fffffff, 0x80000000,
		                       0xffffffff, ~0ull >> 1, 1ull << 63, ~0ull };

	return any() % 2 ? any() : corners[any() % ARRAY_SIZE(corners)];
}

START_TEST(alu_as_the_processor)
{
	enum insn_alu alu = (enum insn_alu)_i;

	for (unsigned int i = 0; i < 20000; i++) {
		u8 size = (u8)(1u << i % 4);
		u64 a = operand(), b = operand(), in = any() & (STATUS_FLAGS | BIT(21)) & ~BIT(1);
		u64 ours = in, theirs = in, result = insn_alu(alu, a, b, size, &ours);
		u64 expected = on_cpu(alu, a, b, size, &theirs);
		u64 ignored = alu == ALU_AND || alu == ALU_OR || alu == ALU_XOR || alu == ALU_TEST
		                      ? BIT(4)
		                      : 0; /* AF of logic operations is undefined */

		if (alu == ALU_CMP || alu == ALU_TEST)
			expected = result;
		ck_assert_msg(result == expected && !((ours ^ theirs) & ~ignored),
		              "alu %d size %d: %lx, %lx: %lx/%lx flags %lx/%lx", alu, size, a, b,
		              result, expected, ours, theirs);
		ck_assert(!ignored || !(ours & BIT(4)));
	}
}
END_TEST

START_TEST(cmp_and_test_yield_sub_and_and)
{
	u64 flags = 0;

	ck_assert_uint_eq(insn_alu(ALU_CMP, 5, 7, 4, &flags), 0xfffffffe);
	ck_assert_uint_eq(insn_alu(ALU_TEST, 0xf0f0, 0xff, 1, &flags), 0xf0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_decode");
	TCase *tests = tcase_create("decode");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, every_opcode_as_zydis, 0, 6);
	tcase_add_loop_test(tests, every_address_as_zydis, 0, 3);
	tcase_add_loop_test(tests, random_bytes_as_zydis, 0, 3);
	tcase_add_test(tests, prefixes_to_the_limit);
	tcase_add_test(tests, fields_of_a_few);
	tcase_add_loop_test(tests, alu_as_the_processor, 0, ALU_TEST + 1);
	tcase_add_test(tests, cmp_and_test_yield_sub_and_and);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
