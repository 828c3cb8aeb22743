/* SPDX-License-Identifier: MIT */
/* Exits for memory: the APIC's page here, all else by the monitor. */
#include "hv/kernel/exit/memory.h"

#include "hv/abi/syscall.h"
#include "hv/base/guest_memory.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/kernel/exit/advance.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/arch.h"
#include "vapic/fast.h"
#include "vmx/apicv.h"
#include "vmx/controls.h"
#include "vmx/decode.h"
#include "vmx/inject.h"
#include "vmx/vmcs.h"

#define APIC_PAGE (~0xfffull)

static u64 stored_value(const struct vcpu *vcpu, const struct insn *insn)
{
	u64 value = insn->op == INSN_STORE_IMM ? insn->imm : guest_register(vcpu, insn->reg);

	return insn->size == 4 ? (u32)value : value;
}

/* ---- the APIC's page ---- */

/* The usual IPI, as in hv/kernel/exit/fast.c. */
static bool write_icr_fast(struct vcpu *vcpu, u32 low)
{
	struct vapic *apic = vcpu->apic;
	u64 targets = vapic_fast_targets_xapic(apic, low);

	if ((u8)low < APIC_FIRST_VECTOR ||
	    (targets == 0 && !(vapic_is_fast(apic, VAPIC_XAPIC) && vapic_fast_is_self(low))))
		return false;
	apic->reg[APIC_ICR / 4] = low & APIC_ICR_WRITABLE;
	if (targets != 0)
		post_and_notify(vcpu, IPI_XAPIC, targets, (u8)low);
	else
		post_to_self(vcpu, IPI_XAPIC, (u8)low);
	return true;
}

static ALWAYS_INLINE void apic_written(struct vcpu *vcpu, u32 value, u32 todo,
                                       const struct vapic_effects *fx)
{
	if ((todo & VAPIC_SENT) != 0)
		notify_targets(vcpu, IPI_XAPIC, value >> 8, todo, fx);
	if ((todo & ~(u32)(VAPIC_SENT | VAPIC_WAKE)) != 0)
		vcpu_todo(vcpu, todo, fx);
}

/* The two registers of the IPI path first: whole, aligned stores, as every kernel does them. */
static void apic_write(struct vcpu *vcpu, u32 offset, u8 size, u64 value)
{
	struct vapic_effects fx;
	u32 todo;

	if (offset == APIC_ICR && likely(size == 4) && likely(write_icr_fast(vcpu, (u32)value)))
		return;
	if (offset == APIC_EOI)
		count(vcpu, COUNT_EOI);
	if (offset == APIC_EOI && likely(size == 4))
		todo = vapic_eoi(vcpu->apic, &fx);
	else
		todo = vapic_mmio_write(vcpu->apic, offset, size, value,
		                        vcpu_guest_tsc(vcpu, vcpu->task.rq->stamp), &fx);
	apic_written(vcpu, (u32)value, todo, &fx);
}

static u64 apic_read(struct vcpu *vcpu, u32 offset, u8 size)
{
	u64 value;
	u32 todo = vapic_mmio_read(vcpu->apic, offset, size,
	                           vcpu_guest_tsc(vcpu, vcpu->task.rq->stamp), &value);

	if (todo != VAPIC_OK) /* an error that has an interrupt */
		vcpu_todo(vcpu, todo, NULL);
	return value;
}

static ALWAYS_INLINE bool is_apic(const struct vcpu *vcpu, u64 gpa)
{
	return (gpa & APIC_PAGE) == (vcpu->apic->base & APIC_PAGE) &&
	       vapic_mode(vcpu->apic) == VAPIC_XAPIC;
}

/* ---- what the monitor needs for the instructions that it carries out ---- */

s64 guest_apic_access(struct vcpu *vcpu, u64 gpa, bool write, u32 size, u64 value)
{
	bool virtual = vcpu->vmx.apic != VMX_APIC_TRAPPED;
	u32 offset = (u32)(gpa & ~APIC_PAGE), todo;
	struct vapic_effects fx;
	s64 result = 0;

	if (!is_apic(vcpu, gpa))
		return SYS_ENOENT;
	if (virtual)
		vapic_adopt(vcpu->apic);
	if (write) {
		if (offset == APIC_EOI)
			count(vcpu, COUNT_EOI);
		todo = vapic_mmio_write(vcpu->apic, offset, size, value,
		                        vcpu_guest_tsc(vcpu, vcpu->task.rq->stamp), &fx);
		if ((todo & VAPIC_EOI) != 0)
			result = fx.eoi_vector;
		apic_written(vcpu, (u32)value, todo & ~(u32)VAPIC_EOI, &fx);
	} else {
		result = (s64)apic_read(vcpu, offset, (u8)size);
	}
	if (virtual)
		apicv_resync(vcpu);
	return result;
}

bool guest_store(struct vcpu *vcpu, u64 linear, u64 value, u64 size)
{
	const struct walk_state state = guest_walk_state(vcpu);
	struct walk_trace trace;
	struct walk walk;
	u8 *at;

	atomic_store_fence(&vcpu->task.state, (u32)RUN_GUEST);
	walk = walk_traced(&vcpu->vmx.memory, &state, linear, WALK_WRITE, &trace);
	at = walk.outcome == WALK_DONE ? guest_pointer(vcpu, walk.gpa.raw, size) : NULL;
	if (at != NULL && !walk_mark_dirty(&state, linear, &trace))
		at = NULL; /* another vCPU changes the tables */
	if (at != NULL)
		guest_memory_copy(at, (const u8 *)&value, size);
	atomic_store(&vcpu->task.state, (u32)RUN_HOST);
	return at != NULL;
}

/* Faults that an instruction with a memory operand can meet: #UD #NM #SS #GP #PF #AC. */
#define FAULTS (BIT32(6) | BIT32(7) | BIT32(12) | BIT32(13) | BIT32(14) | BIT32(17))

static void finish_instruction(struct vcpu *vcpu, const struct insn_result *r)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(r->gpr); i++)
		guest_set_register(vcpu, i, r->gpr[i]);
	if (r->fault < 32 && (FAULTS >> r->fault & 1) != 0) {
		if (r->fault == EXCEPTION_PF)
			write_cr2(r->cr2);
		vmx_inject_fault(&vcpu->vmx, (enum exception_vector)r->fault, (u16)r->error);
	} else if (r->done != 0) {
		vmcs_write(VMCS_GUEST_RFLAGS,
		           (vmcs_read(VMCS_GUEST_RFLAGS) & ~(RFLAGS_STATUS | RFLAGS_RF)) |
		                   (r->rflags & RFLAGS_STATUS));
		vcpu_advance_by(vcpu, MIN(r->length, INSN_MAX));
		if ((r->breakpoints & DR6_HIT) != 0)
			vmcs_write(VMCS_GUEST_PENDING_DEBUG, vmcs_read(VMCS_GUEST_PENDING_DEBUG) |
			                                             PENDING_DEBUG_ENABLED |
			                                             (r->breakpoints & DR6_HIT));
	} else {
		count(vcpu, COUNT_NESTED_RETRY);
	}
}

void guest_finish_instruction(struct vcpu *vcpu, UNUSED const struct taken_reply *reply)
{
	const volatile struct insn_message *page = (volatile void *)vcpu->task.thread.page->data;
	const struct insn_result result = page->result;

	finish_instruction(vcpu, &result);
}

/*
 * What is decoded is what stands there now: where another CPU has made a load of the store that
 * exited, or the other way, the monitor looks at everything anew. With data breakpoints on it does,
 * too, for it knows how to tell of them.
 */
static enum after mmio(struct vcpu *vcpu, u64 gpa, bool write)
{
	u32 offset = (u32)(gpa & ~APIC_PAGE);
	const struct insn *insn;

	if (likely(is_apic(vcpu, gpa)) && likely((vmcs_read(VMCS_GUEST_DR7) & DR7_ENABLED) == 0) &&
	    likely((insn = guest_insn(vcpu)) != NULL) && likely((insn->op != INSN_LOAD) == write)) {
		if (likely(write))
			apic_write(vcpu, offset, insn->size, stored_value(vcpu, insn));
		else
			guest_set_register(vcpu, insn->reg, apic_read(vcpu, offset, insn->size));
		vcpu_advance_by(vcpu, insn->length);
		return AFTER_RESUME;
	}
	vcpu->access = (struct pending_access){
		.kind = MSG_INSTRUCTION,
		.finish = guest_finish_instruction,
		.unclaimed = COUNT_MEMORY_REFUSED,
	};
	message_instruction(vcpu, gpa);
	return AFTER_THREAD;
}

/* ---- exits ---- */

/* False, and the VM ends, unless this is a plain access to data, which no event's delivery made. */
static ALWAYS_INLINE bool is_data_access(struct vcpu *vcpu, bool plain, u64 where)
{
	if (likely(!vmx_take_revectored(&vcpu->vmx)) && likely(plain))
		return true;
	vm_end(vcpu, END_UNREACHABLE, where);
	return false;
}

/* The tree in use is one of both. */
static NOINLINE bool make_executable(struct vm *vm, gpa_t gpa)
{
	bool done = ept_execute(&vm->ept, gpa);

	return ept_execute(&vm->ept_apic, gpa) || done;
}

enum after exit_ept_violation(struct vcpu *vcpu)
{
	struct ept_access access = ept_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));
	u64 gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);

	if (access.fetch && make_executable(vcpu->vm, GPA(gpa))) {
		(void)vmx_take_revectored(&vcpu->vmx);
		return AFTER_RESUME;
	}
	/* Not a fetch from nowhere, nor a page table that is nowhere. */
	if (!is_data_access(vcpu, !access.fetch && access.translated, gpa))
		return AFTER_RUN;
	return mmio(vcpu, gpa, access.write);
}

enum after exit_apic_access(struct vcpu *vcpu)
{
	struct apic_access access = apic_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));
	u64 gpa = APIC_BASE_ADDRESS | access.offset;
	enum after after;

	if (!is_data_access(vcpu, access.type <= APIC_ACCESS_LINEAR_WRITE, gpa))
		return AFTER_RUN;
	if (unlikely(vcpu->vmx.apic != VMX_APIC_TRAPPED))
		vapic_adopt(vcpu->apic);
	after = mmio(vcpu, gpa, access.type == APIC_ACCESS_LINEAR_WRITE);
	if (unlikely(vcpu->vmx.apic != VMX_APIC_TRAPPED))
		apicv_resync(vcpu);
	return after;
}
