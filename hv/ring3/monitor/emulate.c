/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/emulate.h"

#include "hv/abi/message.h"
#include "hv/ring3/monitor/access.h"
#include "hv/ring3/monitor/monitor.h"
#include "hv/ring3/monitor/operation.h"

#define EXIT_IO 30 /* basic exit reason (SDM 3D appendix C) */

#define CR0_EM     BIT(2)
#define CR0_TS     BIT(3)
#define CR4_OSFXSR BIT(9)
#define EFER_LMA   BIT(10)
#define RIGHTS_L   BIT(13)
#define RIGHTS_DB  BIT(14)

#define CS 1
#define SS 2

static enum code_mode code_mode(const struct vcpu_dump *cpu)
{
	u64 rights = cpu->segment[CS][3];

	if ((cpu->efer & EFER_LMA) != 0 && (rights & RIGHTS_L) != 0)
		return CODE_64;
	return (rights & RIGHTS_DB) != 0 ? CODE_32 : CODE_16;
}

static struct walk_state walk_state(const struct monitor *m, const struct vcpu_dump *cpu)
{
	return (struct walk_state){
		.cr0 = cpu->cr0,
		.cr3 = cpu->cr3,
		.cr4 = cpu->cr4,
		.efer = cpu->efer,
		.rflags = cpu->rflags,
		.physical_mask = m->info->physical_mask,
		.cpl = (u32)bits_get(cpu->segment[SS][3], 6, 5),
	};
}

/* INS and OUTS are carried out after their own exit alone, for the processor has then found that
 * they may use the port; all else after any other exit alone. */
static bool is_of_exit(const struct emulation *e)
{
	bool port = e->insn.op == OP_STRING_INPUT || e->insn.op == OP_STRING_OUTPUT;

	return port == (bits_get(e->cpu->exit_reason, 15, 0) == EXIT_IO);
}

static bool may_use_vectors(struct emulation *e)
{
	if ((e->cpu->cr0 & CR0_EM) != 0 || (e->cpu->cr4 & CR4_OSFXSR) == 0)
		return access_fault(e, FAULT_UD, 0);
	return (e->cpu->cr0 & CR0_TS) == 0 || access_fault(e, FAULT_NM, 0);
}

static enum verdict carry_out(struct emulation *e)
{
	bool vector = e->insn.op == OP_VECTOR_LOAD || e->insn.op == OP_VECTOR_STORE;

	if (!is_of_exit(e))
		return RETRIES;
	if (!vector || may_use_vectors(e))
		operation_run(e);
	return e->verdict;
}

/*
 * Nothing that is decoded. The bytes may be about to change, as when a kernel patches its code: the
 * guest executes it once more first. A program gets #UD, so that it cannot end the VM.
 */
static void not_known(struct emulation *e, const struct message *message)
{
	u64 *seen = &e->m->not_known[e->m->vcpu];

	if (*seen != e->cpu->rip) {
		*seen = e->cpu->rip;
	} else if (e->walk.cpl == 3) {
		(void)access_fault(e, FAULT_UD, 0);
	} else {
		e->m->reply->action = REPLY_STOP;
		e->m->reply->stop = END_INSTRUCTION;
		e->m->reply->value = message->address;
	}
}

static void take_back(struct emulation *e)
{
	memcpy(e->result->gpr, e->cpu->gpr, sizeof(e->result->gpr));
	e->result->rflags = e->cpu->rflags;
	e->result->breakpoints = 0;
}

static void conclude(struct emulation *e, enum verdict verdict)
{
	if (verdict == DOES) {
		e->result->done = 1;
		if (!e->claimed && e->device)
			e->m->reply->stop = REPLY_UNCLAIMED;
		return;
	}
	take_back(e);
	if (verdict == UNREACHABLE) {
		e->m->reply->action = REPLY_STOP;
		e->m->reply->stop = END_UNREACHABLE;
		e->m->reply->value = e->unreachable;
	}
}

bool emulate(struct monitor *m, const struct message *message)
{
	struct insn_message *page = (struct insn_message *)(void *)m->sys->page->data;
	struct emulation e = {
		.m = m,
		.cpu = &page->cpu,
		.result = &page->result,
		.walk = walk_state(m, &page->cpu),
		.mode = code_mode(&page->cpu),
	};
	enum verdict verdict = RETRIES;

	page->result = (struct insn_result){ 0 };
	take_back(&e);
	if (page->cpu.code_count != 0) {
		if (decode(&e.insn, page->cpu.code, (u32)page->cpu.code_count, e.mode))
			verdict = carry_out(&e);
		else
			not_known(&e, message);
	}
	if (verdict != WAITS)
		conclude(&e, verdict);
	return verdict != WAITS;
}
