/* SPDX-License-Identifier: MIT */
#include "hv/exits.h"

#include "hv/account.h"
#include "hv/base/printk.h"
#include "hv/cpu/crash.h"
#include "hv/deliver.h"
#include "hv/sched.h"
#include "hv/vm.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/reasons.h"
#include "vmx/vmcs.h"

/* ---- rows that need no file of their own ---- */

static enum exit_outcome exit_triple_fault(struct vcpu *vcpu)
{
	vm_end(vcpu, END_TRIPLE_FAULT, 0);
	return EXIT_RUN;
}

static enum exit_outcome exit_entry_failed(struct vcpu *vcpu)
{
	vm_end(vcpu, END_ENTRY_FAILED, vcpu->exit_reason);
	return EXIT_RUN;
}

static enum exit_outcome exit_interrupt_window(struct vcpu *vcpu)
{
	vmx_window_closed(&vcpu->vmx, PRIMARY_INTERRUPT_WINDOW);
	return EXIT_ENTER;
}

static enum exit_outcome exit_nmi_window(struct vcpu *vcpu)
{
	vmx_window_closed(&vcpu->vmx, PRIMARY_NMI_WINDOW);
	return EXIT_ENTER;
}

/* Instructions that this guest's processor does not have. */
static enum exit_outcome exit_undefined(struct vcpu *vcpu)
{
	vmx_inject_fault(&vcpu->vmx, EXCEPTION_UD, 0);
	return EXIT_ENTER;
}

static enum exit_outcome exit_protected(struct vcpu *vcpu)
{
	vmx_inject_fault(&vcpu->vmx, EXCEPTION_GP, 0);
	return EXIT_ENTER;
}

/* INVD, WBINVD: caches stay as they are, which no guest without devices can tell. PAUSE. */
static enum exit_outcome exit_nothing_to_do(struct vcpu *vcpu)
{
	vcpu_advance(vcpu);
	return EXIT_ENTER;
}

/* The time is looked at before each entry: the way there is all that this exit was for. */
static enum exit_outcome exit_preemption_timer(struct vcpu *vcpu)
{
	(void)vcpu;
	return EXIT_RUN;
}

/* INIT is the host firmware's business; it stays pending, and we stay. */
static enum exit_outcome exit_ignored(struct vcpu *vcpu)
{
	(void)vcpu;
	return EXIT_ENTER;
}

const exit_handler exit_handlers[EXIT_REASONS] = {
	[VMX_EXIT_EXCEPTION_NMI] = exit_exception,
	[VMX_EXIT_EXTERNAL_INTERRUPT] = exit_external_interrupt,
	[VMX_EXIT_TRIPLE_FAULT] = exit_triple_fault,
	[VMX_EXIT_INIT] = exit_ignored,
	[VMX_EXIT_SIPI] = exit_ignored,
	[VMX_EXIT_INTERRUPT_WINDOW] = exit_interrupt_window,
	[VMX_EXIT_NMI_WINDOW] = exit_nmi_window,
	[VMX_EXIT_CPUID] = exit_cpuid,
	[VMX_EXIT_GETSEC] = exit_undefined,
	[VMX_EXIT_HLT] = exit_hlt,
	[VMX_EXIT_INVD] = exit_nothing_to_do,
	[VMX_EXIT_RDPMC] = exit_protected,
	[VMX_EXIT_RSM] = exit_undefined,
	[VMX_EXIT_VMCALL] = exit_vmcall,
	[VMX_EXIT_VMCLEAR] = exit_undefined,
	[VMX_EXIT_VMLAUNCH] = exit_undefined,
	[VMX_EXIT_VMPTRLD] = exit_undefined,
	[VMX_EXIT_VMPTRST] = exit_undefined,
	[VMX_EXIT_VMREAD] = exit_undefined,
	[VMX_EXIT_VMRESUME] = exit_undefined,
	[VMX_EXIT_VMWRITE] = exit_undefined,
	[VMX_EXIT_VMXOFF] = exit_undefined,
	[VMX_EXIT_VMXON] = exit_undefined,
	[VMX_EXIT_CR_ACCESS] = exit_cr_access,
	[VMX_EXIT_IO] = exit_io,
	[VMX_EXIT_RDMSR] = exit_rdmsr,
	[VMX_EXIT_WRMSR] = exit_wrmsr,
	[VMX_EXIT_BAD_GUEST_STATE] = exit_entry_failed,
	[VMX_EXIT_BAD_MSR_LOAD] = exit_entry_failed,
	[VMX_EXIT_MWAIT] = exit_undefined,
	[VMX_EXIT_MONITOR] = exit_undefined,
	[VMX_EXIT_PAUSE] = exit_nothing_to_do,
	[VMX_EXIT_MACHINE_CHECK] = exit_entry_failed,
	[VMX_EXIT_APIC_ACCESS] = exit_apic_access,
	[VMX_EXIT_EPT_VIOLATION] = exit_ept_violation,
	[VMX_EXIT_INVEPT] = exit_undefined,
	[VMX_EXIT_PREEMPTION_TIMER] = exit_preemption_timer,
	[VMX_EXIT_INVVPID] = exit_undefined,
	[VMX_EXIT_WBINVD] = exit_nothing_to_do,
	[VMX_EXIT_XSETBV] = exit_xsetbv,
	[VMX_EXIT_VMFUNC] = exit_undefined,
	[VMX_EXIT_ENCLS] = exit_undefined,
	[VMX_EXIT_UMWAIT] = exit_undefined,
	[VMX_EXIT_TPAUSE] = exit_undefined,
	[VMX_EXIT_PCONFIG] = exit_undefined,
};

/* ---- dispatch ---- */

static void trace(const struct vcpu *vcpu, u32 reason)
{
	struct run_queue *rq = vcpu->rq;
	struct exit_trace *t = &rq->trace[rq->trace_next++ % TRACE_EXITS];

	t->tsc = rq->stamp;
	t->reason = reason;
	t->vm = (u16)vcpu->vm->id;
	t->vcpu = (u16)vcpu->index;
}

NOINLINE static enum exit_outcome exit_unknown(struct vcpu *vcpu, u32 reason)
{
	vm_end(vcpu,
	       (reason & (u32)EXIT_REASON_ENTRY_FAILED) != 0 ? END_ENTRY_FAILED : END_UNKNOWN_EXIT,
	       reason & EXIT_REASON_BASIC);
	return EXIT_RUN;
}

NORETURN void vmx_on_exit(struct vmx_vcpu *vmx)
{
	struct vcpu *vcpu = vcpu_of(vmx);
	enum exit_outcome outcome;
	u32 reason;

	account(vcpu, TIME_GUEST, rdtsc());
	atomic_store_relaxed(&vcpu->state, (u32)RUN_HOST);
	vmx->launched = 1;
	reason = vmcs_read32(VMCS_EXIT_REASON);
	trace(vcpu, reason);
	/* An entry that failed has bit 31 set: never a row of the table. */
	if (likely(reason < EXIT_REASONS && exit_handlers[reason] != NULL)) {
		vcpu->exit_reason = reason;
		outcome = exit_handlers[reason](vcpu);
	} else {
		outcome = exit_unknown(vcpu, reason);
	}
	if (likely(outcome == EXIT_ENTER))
		vcpu_resume_guest(vcpu);
	vcpu_run(vcpu);
}

NORETURN void vmx_on_entry_failed(struct vmx_vcpu *vmx, bool invalid)
{
	struct vcpu *vcpu = vcpu_of(vmx);

	account(vcpu, TIME_GUEST, rdtsc());
	atomic_store_relaxed(&vcpu->state, (u32)RUN_HOST);
	vm_end(vcpu, END_ENTRY_FAILED, invalid ? ~0ull : vmcs_read32(VMCS_INSTRUCTION_ERROR));
	vcpu_run(vcpu);
}

NORETURN void vmx_on_access_failed(u64 field, const void *caller)
{
	panic("VMREAD or VMWRITE of field 0x%lx failed, from %p", field, caller);
}

/* For the crash report: what this core's guests did last. */
void crash_extra(struct core *core)
{
	const struct run_queue *rq = &run_queues[core->index];

	printk("last exits of core %u, oldest first:\n", core->index);
	for (u32 i = 0; i < TRACE_EXITS; i++) {
		const struct exit_trace *t = &rq->trace[(rq->trace_next + i) % TRACE_EXITS];

		if (t->tsc != 0)
			printk("  %lu vm %u vcpu %u reason %u\n", t->tsc, t->vm, t->vcpu,
			       t->reason & (u32)EXIT_REASON_BASIC);
	}
}
