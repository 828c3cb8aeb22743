/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/operation.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"
#include "hv/ring3/monitor/vector.h"

#define RAX 0
#define RSP 4
#define SS  2

#define RIGHTS_DB BIT(14)

/* ---- registers and numbers ---- */

static u64 low_bytes(u64 value, u32 size)
{
	return size == 8 ? value : value & (BIT(size * 8) - 1);
}

static u64 sign_extend(u64 value, u32 size)
{
	u32 shift = 64 - size * 8;

	return (u64)((s64)(value << shift) >> shift);
}

u64 operation_register(const struct emulation *e, u8 reg, u8 size, bool high)
{
	return low_bytes(e->result->gpr[reg] >> (high ? 8 : 0), size);
}

void operation_set_register(struct emulation *e, u8 reg, u8 size, bool high, u64 value)
{
	u32 shift = high ? 8 : 0;
	u64 mask = low_bytes(~0ull, size) << shift;

	if (size == 4)
		e->result->gpr[reg] = (u32)value;
	else
		e->result->gpr[reg] = (e->result->gpr[reg] & ~mask) | (value << shift & mask);
}

bool operation_read(struct emulation *e, const struct place *place, u64 *value)
{
	*value = 0;
	return access_read(e, place, (u8 *)value);
}

bool operation_write(struct emulation *e, const struct place *place, u64 value)
{
	return access_write(e, place, (const u8 *)&value);
}

bool operation_is_ours(struct emulation *e)
{
	if (!e->device)
		e->verdict = RETRIES;
	return e->device;
}

/* ---- operands ---- */

static u64 operand(const struct emulation *e)
{
	const struct decoded *d = &e->insn;

	switch (d->op) {
	case OP_STORE_IMM:
	case OP_ALU_IMM:
	case OP_BIT_IMM:
		return low_bytes(d->imm, d->size);
	default:
		return operation_register(e, d->reg, d->reg_size, d->high);
	}
}

static void set_operand(struct emulation *e, u64 value)
{
	operation_set_register(e, e->insn.reg, e->insn.reg_size, e->insn.high, value);
}

static u64 effective(const struct emulation *e)
{
	const struct decoded *d = &e->insn;
	const struct operand_address *a = &d->address;
	const u64 *gpr = e->result->gpr;
	u64 offset = (u64)a->displacement;

	if (a->base == REG_RIP)
		offset += e->cpu->rip + d->length;
	else if (a->base != REG_NONE)
		offset += gpr[a->base];
	if (a->index != REG_NONE)
		offset += gpr[a->index] * a->scale;
	/* A bit number in a register reaches beyond the operand, in steps of its size. */
	if (d->op == OP_BIT)
		offset += (u64)((s64)sign_extend(operand(e), d->size) >> (d->size == 8   ? 6
		                                                          : d->size == 4 ? 5
		                                                                         : 4)) *
		          d->size;
	return low_bytes(offset, d->address_size);
}

static bool find(struct emulation *e, enum walk_access access, struct place *place)
{
	return access_find(e, e->insn.address.segment, effective(e), e->insn.size, access, place);
}

/* ---- the stack ---- */

static u8 stack_size(const struct emulation *e)
{
	if (e->mode == CODE_64)
		return 8;
	return (e->cpu->segment[SS][3] & RIGHTS_DB) != 0 ? 4 : 2;
}

/* Moves RSP; where it is then, or was for a pop, is the operand. */
static u64 move_stack(struct emulation *e, u64 by)
{
	u8 size = stack_size(e);
	u64 sp = operation_register(e, RSP, 8, false);

	operation_set_register(e, RSP, size, false, low_bytes(sp + by, size));
	return low_bytes(sp + by, size);
}

static void push(struct emulation *e)
{
	struct place from, to;
	u64 value;

	if (!find(e, WALK_READ, &from))
		return;
	if (access_find(e, SS, move_stack(e, -(u64)e->insn.size), e->insn.size, WALK_WRITE, &to) &&
	    operation_is_ours(e) && operation_read(e, &from, &value))
		(void)operation_write(e, &to, value);
}

/* An address by RSP is made of what it is behind the pop (SDM 2B, POP). */
static void pop(struct emulation *e)
{
	u64 sp = low_bytes(e->result->gpr[RSP], stack_size(e));
	struct place from, to;
	u64 value;

	if (!access_find(e, SS, sp, e->insn.size, WALK_READ, &from))
		return;
	(void)move_stack(e, e->insn.size);
	if (find(e, WALK_WRITE, &to) && operation_is_ours(e) && operation_read(e, &from, &value))
		(void)operation_write(e, &to, value);
}

/* ---- loads, stores, and both ---- */

static void load(struct emulation *e)
{
	const struct decoded *d = &e->insn;
	struct place from;
	u64 value;

	if (!find(e, WALK_READ, &from) || !operation_is_ours(e) ||
	    !operation_read(e, &from, &value))
		return;
	if (d->op == OP_LOAD_SIGN)
		value = sign_extend(value, d->size);
	if (d->op == OP_ALU_LOAD) {
		value = alu_result((enum alu)d->alu, operand(e), value, d->size,
		                   &e->result->rflags);
		if (!alu_stores((enum alu)d->alu))
			return;
	}
	set_operand(e, value);
}

static void store(struct emulation *e)
{
	struct place to;

	if (find(e, WALK_WRITE, &to) && operation_is_ours(e))
		(void)operation_write(e, &to, operand(e));
}

/* What becomes of the memory operand; registers and flags that go with it are set. */
static u64 combine(struct emulation *e, u64 old)
{
	const struct decoded *d = &e->insn;
	u64 *rflags = &e->result->rflags;
	u64 other = operand(e), rax;

	switch (d->op) {
	case OP_XCHG:
		set_operand(e, old);
		return other;
	case OP_XADD:
		set_operand(e, old);
		return alu_result(ALU_ADD, old, other, d->size, rflags);
	case OP_CMPXCHG:
		rax = operation_register(e, RAX, d->size, false);
		(void)alu_result(ALU_CMP, rax, old, d->size, rflags);
		if (rax == old)
			return other;
		operation_set_register(e, RAX, d->size, false, old);
		return old;
	default:
		return alu_result((enum alu)d->alu, old, other, d->size, rflags);
	}
}

static void modify(struct emulation *e)
{
	const struct decoded *d = &e->insn;
	bool stores = d->op == OP_XCHG || d->op == OP_XADD || d->op == OP_CMPXCHG ||
	              alu_stores((enum alu)d->alu);
	struct place at;
	u64 value;

	if (!find(e, stores ? WALK_WRITE : WALK_READ, &at) || !operation_is_ours(e) ||
	    !operation_read(e, &at, &value))
		return;
	value = combine(e, value);
	if (stores)
		(void)operation_write(e, &at, value);
}

static void vector(struct emulation *e)
{
	bool loads = e->insn.op == OP_VECTOR_LOAD;
	struct place at;
	u8 bytes[16] = { 0 };

	if (!find(e, loads ? WALK_READ : WALK_WRITE, &at) || !operation_is_ours(e))
		return;
	if (!loads)
		vector_get(e->insn.reg, bytes);
	if (loads ? access_read(e, &at, bytes) : access_write(e, &at, bytes))
		if (loads)
			vector_set(e->insn.reg, bytes);
}

static void (*const operations[])(struct emulation *) = {
	[OP_LOAD] = load,
	[OP_LOAD_ZERO] = load,
	[OP_LOAD_SIGN] = load,
	[OP_STORE] = store,
	[OP_STORE_IMM] = store,
	[OP_XCHG] = modify,
	[OP_XADD] = modify,
	[OP_CMPXCHG] = modify,
	[OP_ALU_STORE] = modify,
	[OP_ALU_IMM] = modify,
	[OP_ALU_LOAD] = load,
	[OP_UNARY] = modify,
	[OP_BIT] = modify,
	[OP_BIT_IMM] = modify,
	[OP_PUSH] = push,
	[OP_POP] = pop,
	[OP_VECTOR_LOAD] = vector,
	[OP_VECTOR_STORE] = vector,
	[OP_STRING_STORE... OP_STRING_OUTPUT] = operation_string,
};

void operation_run(struct emulation *e)
{
	e->result->length = e->insn.length;
	operations[e->insn.op](e);
}
