/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* String instructions, one round of them (SDM 2B, REP). */
#include "hv/ring3/monitor/operation.h"

#include "hv/base/bits.h"
#include "hv/ring3/monitor/monitor.h"
#include "hv/ring3/monitor/ports.h"

#define RAX 0
#define RCX 1
#define RSI 6
#define RDI 7
#define ES  0

#define RFLAGS_ZF BIT(6)
#define RFLAGS_DF BIT(10)

/* Which of rSI and rDI an operation uses, and how. */
static const struct {
	bool source, destination, writes;
} uses[] = {
	[OP_STRING_STORE] = { false, true, true },   [OP_STRING_LOAD] = { true, false, false },
	[OP_STRING_MOVE] = { true, true, true },     [OP_STRING_CMP] = { true, true, false },
	[OP_STRING_SCAN] = { false, true, false },   [OP_STRING_INPUT] = { false, true, true },
	[OP_STRING_OUTPUT] = { true, false, false },
};

static u32 port_of(const struct emulation *e)
{
	return (u32)bits_get(e->cpu->qualification, 31, 16);
}

/* Size and direction are those that the processor told with the exit (SDM 3C table 28-5). */
static bool is_port_of_exit(const struct emulation *e)
{
	u64 q = e->cpu->qualification;

	return bits_get(q, 2, 0) + 1 == e->insn.size &&
	       bits_get(q, 3, 3) == (e->insn.op == OP_STRING_INPUT);
}

static bool use_port(struct emulation *e, u64 *value)
{
	u32 port = port_of(e), got = 0;

	if (e->insn.op == OP_STRING_INPUT) {
		e->claimed = port_read(e->m, port, e->insn.size, &got);
		*value = got;
	} else {
		e->claimed = port_write(e->m, port, e->insn.size, (u32)*value);
	}
	if (e->m->again)
		e->verdict = WAITS;
	access_port(e, port, e->insn.size);
	return e->verdict == DOES;
}

/* What is done with the value of the source: `to` is the other operand, if there is one. */
static bool act(struct emulation *e, const struct place *to, u64 value)
{
	u8 size = e->insn.size;
	u64 other;

	switch (e->insn.op) {
	case OP_STRING_LOAD:
		operation_set_register(e, RAX, size, false, value);
		return true;
	case OP_STRING_OUTPUT:
		return use_port(e, &value);
	case OP_STRING_INPUT:
		return use_port(e, &value) && operation_write(e, to, value);
	case OP_STRING_CMP:
	case OP_STRING_SCAN:
		if (!operation_read(e, to, &other))
			return false;
		(void)alu_result(ALU_CMP, value, other, size, &e->result->rflags);
		return true;
	default:
		return operation_write(e, to, value);
	}
}

/* REPE and REPNE look at ZF; all else repeats until the count is used up. */
static bool goes_on(const struct emulation *e)
{
	const struct decoded *d = &e->insn;

	if (operation_register(e, RCX, d->address_size, false) == 0)
		return false;
	if (d->op != OP_STRING_CMP && d->op != OP_STRING_SCAN)
		return true;
	return ((e->result->rflags & RFLAGS_ZF) != 0) == (d->repeat == 0xf3);
}

static void step(struct emulation *e, u8 reg, u64 by)
{
	u8 size = e->insn.address_size;

	operation_set_register(e, reg, size, false, operation_register(e, reg, size, false) + by);
}

static bool find(struct emulation *e, struct place *from, struct place *to)
{
	const struct decoded *d = &e->insn;
	u64 source = operation_register(e, RSI, d->address_size, false);
	u64 destination = operation_register(e, RDI, d->address_size, false);

	if (uses[d->op].source &&
	    !access_find(e, d->address.segment, source, d->size, WALK_READ, from))
		return false;
	return !uses[d->op].destination ||
	       access_find(e, ES, destination, d->size, uses[d->op].writes ? WALK_WRITE : WALK_READ,
	                   to);
}

void operation_string(struct emulation *e)
{
	const struct decoded *d = &e->insn;
	bool port = d->op == OP_STRING_INPUT || d->op == OP_STRING_OUTPUT;
	u64 by = (e->cpu->rflags & RFLAGS_DF) != 0 ? -(u64)d->size : d->size;
	u64 value = operation_register(e, RAX, d->size, false);
	struct place from, to;

	if (port && !is_port_of_exit(e)) {
		e->verdict = RETRIES;
		return;
	}
	e->device = port;
	if (d->repeat != 0 && operation_register(e, RCX, d->address_size, false) == 0) {
		e->claimed = true;
		return;
	}
	if (!find(e, &from, &to) || !operation_is_ours(e))
		return;
	if (uses[d->op].source && !operation_read(e, &from, &value))
		return;
	if (!act(e, &to, value))
		return;
	if (uses[d->op].source)
		step(e, RSI, by);
	if (uses[d->op].destination)
		step(e, RDI, by);
	if (d->repeat == 0)
		return;
	step(e, RCX, ~0ull);
	if (goes_on(e))
		e->result->length = 0;
}
