/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/decode.h"

#include "hv/base/bits.h"
#include "hv/ring3/monitor/opcodes.h"

/* The bytes, and what the prefixes have made of things. */
struct cursor {
	const u8 *code;
	u32 at, count;
	enum code_mode mode;
	u8 rex; /* 0x40..0x4f, or 0 */
	bool operand, address, lock, broken;
	u8 repeat;
	u8 segment; /* REG_NONE: none was named */
};

#define SEGMENT_SS 2
#define SEGMENT_DS 3

/* The next `size` bytes as a signed number; past the end 0, and `broken`. */
static s64 take(struct cursor *c, u32 size)
{
	u64 value = 0;

	if (size > c->count - c->at) {
		c->broken = true;
		return 0;
	}
	for (u32 i = 0; i < size; i++)
		value |= (u64)c->code[c->at++] << i * 8;
	if (size == 0 || size == 8)
		return (s64)value;
	return (s64)(value << (64 - size * 8)) >> (64 - size * 8);
}

/* True: `byte` was a prefix. */
static bool prefix(struct cursor *c, u8 byte)
{
	u8 rex = 0;

	switch (byte) {
	case 0x66:
		c->operand = true;
		break;
	case 0x67:
		c->address = true;
		break;
	case 0xf0:
		c->lock = true;
		break;
	case 0xf2:
	case 0xf3:
		c->repeat = byte;
		break;
	case 0x64:
	case 0x65:
		c->segment = byte - 0x60;
		break;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e: /* ES CS SS DS */
		if (c->mode != CODE_64)
			c->segment = (byte >> 3) & 3;
		break;
	default:
		if ((byte & 0xf0) != 0x40 || c->mode != CODE_64)
			return false;
		rex = byte;
		break;
	}
	c->rex = rex; /* REX counts right before the opcode only */
	return true;
}

static u8 operand_size(const struct cursor *c, u32 flags)
{
	if ((flags & BYTE) != 0)
		return 1;
	if ((c->rex & 8) != 0)
		return 8;
	if ((flags & WIDE) != 0)
		return 4;
	if ((flags & STACK) != 0 && c->mode == CODE_64)
		return c->operand ? 2 : 8;
	return (c->mode == CODE_16) != c->operand ? 2 : 4;
}

static u8 address_size(const struct cursor *c)
{
	if (c->mode == CODE_64)
		return c->address ? 4 : 8;
	return (c->mode == CODE_16) != c->address ? 2 : 4;
}

/* Table 2-1: 16-bit addressing. */
static void address_16(struct cursor *c, u8 modrm, struct operand_address *a)
{
	static const u8 bases[8] = { 3, 3, 5, 5, 6, 7, 5, 3 }; /* BX BX BP BP SI DI BP BX */
	static const u8 indexes[4] = { 6, 7, 6, 7 };           /* SI DI SI DI */
	u8 rm = modrm & 7, mod = modrm >> 6;

	a->base = bases[rm];
	a->index = rm < 4 ? indexes[rm] : REG_NONE;
	if (mod == 0 && rm == 6)
		a->base = REG_NONE;
	if (mod == 2 || a->base == REG_NONE)
		a->displacement = take(c, 2);
	else if (mod == 1)
		a->displacement = take(c, 1);
}

/* Tables 2-2 and 2-3, with REX. */
static void address_32(struct cursor *c, u8 modrm, struct operand_address *a)
{
	u8 rm = modrm & 7, mod = modrm >> 6;

	if (rm == 4) {
		u8 sib = (u8)take(c, 1);

		rm = sib & 7;
		a->index = ((sib >> 3) & 7) | (u8)((c->rex & 2) << 2);
		if (a->index == 4)
			a->index = REG_NONE;
		else
			a->scale = (u8)(1u << (sib >> 6));
		if (mod == 0 && rm == 5)
			a->base = REG_NONE;
	} else if (mod == 0 && rm == 5) {
		a->base = c->mode == CODE_64 ? REG_RIP : REG_NONE;
	}
	if (mod == 0 && rm == 5)
		a->displacement = take(c, 4);
	else
		a->base = rm | (u8)((c->rex & 1) << 3);
	if (mod != 0)
		a->displacement = take(c, mod == 1 ? 1 : 4);
}

static void memory_operand(struct cursor *c, u8 modrm, struct decoded *d)
{
	struct operand_address *a = &d->address;

	if (d->address_size == 2)
		address_16(c, modrm, a);
	else
		address_32(c, modrm, a);
	a->segment = a->base == 4 || a->base == 5 ? SEGMENT_SS : SEGMENT_DS;
}

static void set_register(struct decoded *d, const struct cursor *c, u8 modrm)
{
	u8 reg = (modrm >> 3) & 7;

	d->high = d->reg_size == 1 && c->rex == 0 && reg >= 4;
	d->reg = d->high ? reg - 4 : (u8)(reg | (c->rex & 4) << 1);
}

/* Of a group, the member's row; its operands' sizes are those of the opcode. */
static struct row member_of(struct row row, u8 modrm)
{
	struct row member = groups[row.op][(modrm >> 3) & 7];

	if (row.op == GROUP_1)
		member.alu = (modrm >> 3) & 7;
	if ((member.flags & IMM_Z) != 0 && (row.flags & BYTE) != 0)
		member.flags = (member.flags & ~IMM_Z) | IMM_8;
	member.flags |= (row.flags & ~GROUP) | NO_REG;
	return member;
}

static u8 memory_size(const struct decoded *d, u32 flags)
{
	if ((flags & FROM_8) != 0)
		return 1;
	if ((flags & FROM_16) != 0)
		return 2;
	return (flags & FROM_32) != 0 ? MIN(d->reg_size, 4) : d->reg_size;
}

/* A row with a ModRM byte. */
static void with_modrm(struct decoded *d, struct cursor *c, struct row row)
{
	u8 modrm = (u8)take(c, 1);

	if ((row.flags & GROUP) != 0)
		row = member_of(row, modrm);
	d->op = (modrm >> 6) == 3 || (c->lock && (row.flags & LOCKED) == 0) ? OP_UNKNOWN : row.op;
	d->alu = row.alu;
	if (d->size == 0) { /* else it is a vector's */
		d->reg_size = operand_size(c, row.flags);
		d->size = memory_size(d, row.flags);
	}
	memory_operand(c, modrm, d);
	if ((row.flags & NO_REG) == 0)
		set_register(d, c, modrm);
	if ((row.flags & IMM_8) != 0)
		d->imm = (u64)take(c, 1);
	else if ((row.flags & IMM_Z) != 0)
		d->imm = (u64)take(c, MIN(d->size, 4));
}

static void without_modrm(struct decoded *d, struct cursor *c, struct row row)
{
	d->op = c->lock ? OP_UNKNOWN : row.op;
	d->size = d->reg_size = operand_size(c, row.flags);
	if ((row.flags & STRING) != 0)
		d->repeat = c->repeat;
	else
		d->address.displacement = take(c, d->address_size);
	/* Ports are 32 bits wide at most. */
	if (row.op == OP_STRING_INPUT || row.op == OP_STRING_OUTPUT)
		d->size = d->reg_size = MIN(d->size, 4);
}

static void vector_move(struct decoded *d, struct cursor *c, u8 opcode)
{
	u8 mandatory = c->repeat != 0 ? c->repeat : c->operand ? 0x66 : 0;

	for (u32 i = 0; i < VECTOR_MOVES; i++) {
		const struct vector_row *v = &vector_moves[i];

		if (v->opcode != opcode || v->prefix != mandatory)
			continue;
		d->size = v->size != 0 ? v->size : (c->rex & 8) != 0 ? 8 : 4;
		d->reg_size = 16;
		d->aligned = v->aligned;
		with_modrm(d, c, (struct row){ v->op, 0, 0 });
		return;
	}
}

bool decode(struct decoded *d, const u8 *code, u32 count, enum code_mode mode)
{
	struct cursor c = { code, 0, count, mode, .segment = REG_NONE };
	struct row row;
	u8 opcode;

	*d = (struct decoded){ .address = { REG_NONE, REG_NONE, 1, SEGMENT_DS, 0 } };
	do
		opcode = (u8)take(&c, 1);
	while (!c.broken && prefix(&c, opcode));
	d->address_size = address_size(&c);
	d->lock = c.lock;
	row = one_byte[opcode];
	if (opcode == 0x0f) {
		opcode = (u8)take(&c, 1);
		row = two_byte[opcode];
		if (row.op == OP_UNKNOWN && (row.flags & GROUP) == 0)
			vector_move(d, &c, opcode);
	}
	if ((row.flags & (mode == CODE_64 ? NOT_64 : ONLY_64)) != 0 ||
	    ((row.flags & WIDE) != 0 && (c.operand || c.repeat != 0)))
		return false;
	if ((row.flags & (STRING | OFFSET)) != 0)
		without_modrm(d, &c, row);
	else if (row.op != OP_UNKNOWN || (row.flags & GROUP) != 0)
		with_modrm(d, &c, row);
	if (c.segment != REG_NONE)
		d->address.segment = c.segment;
	d->length = (u8)c.at;
	return d->op != OP_UNKNOWN && !c.broken;
}
