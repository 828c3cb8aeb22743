/* SPDX-License-Identifier: MIT */
#include "hv/kernel/exit/advance.h"
#include "hv/kernel/exit/exits.h"

#include "hv/abi/exit_names.h"
#include "hv/kernel/sched/account.h"
#include "hv/base/printk.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/inject.h"
#include "vmx/reasons.h"
#include "vmx/vmcs.h"

/* ---- rows that need no file of their own ---- */

static enum after exit_triple_fault(struct vcpu *vcpu)
{
	vm_end(vcpu, END_TRIPLE_FAULT, 0);
	return AFTER_RUN;
}

/* The guest can take an interrupt or an NMI now. Who of those still pending cannot opens its window
 * again. */
static enum after exit_window(struct vcpu *vcpu)
{
	vmx_windows_closed(&vcpu->vmx);
	return AFTER_RESUME;
}

/* TPR has fallen below the class of an interrupt that it held back: time to look again. */
static enum after exit_tpr_threshold(struct vcpu *vcpu)
{
	vmx_take_traps(&vcpu->vmx);
	vcpu->vmx.pending |= PENDING_INTERRUPT;
	return AFTER_RESUME;
}

/* Instructions that this guest's processor does not have. */
static enum after exit_undefined(struct vcpu *vcpu)
{
	vmx_inject_fault(&vcpu->vmx, EXCEPTION_UD, 0);
	return AFTER_RESUME;
}

enum after exit_protected(struct vcpu *vcpu)
{
	vmx_inject_fault(&vcpu->vmx, EXCEPTION_GP, 0);
	return AFTER_RESUME;
}

enum after exit_resume(struct vcpu *vcpu)
{
	(void)vcpu;
	return AFTER_RESUME;
}

/* INVD, WBINVD: caches stay as they are, which no guest without devices can tell. PAUSE. */
static enum after exit_nothing_to_do(struct vcpu *vcpu)
{
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}

/* The time is looked at before each entry: the way there is all that this exit was for. */
static enum after exit_preemption_timer(struct vcpu *vcpu)
{
	vcpu_stop_timer(vcpu);
	return AFTER_RUN;
}

/* A range is all reasons from one to the other; those without a name are not assigned (SDM appendix
 * C). */
const exit_handler exit_handlers[EXIT_REASONS] = {
	[VMX_EXIT_EXCEPTION_NMI] = exit_exception,
	[VMX_EXIT_EXTERNAL_INTERRUPT] = exit_external_interrupt,
	[VMX_EXIT_TRIPLE_FAULT] = exit_triple_fault,
	/* INIT is the host firmware's business; it stays pending, and we stay. */
	[VMX_EXIT_INIT... VMX_EXIT_SIPI] = exit_resume,
	[VMX_EXIT_IO_SMI... VMX_EXIT_OTHER_SMI] = exit_refused,
	[VMX_EXIT_INTERRUPT_WINDOW... VMX_EXIT_NMI_WINDOW] = exit_window,
	[VMX_EXIT_TASK_SWITCH] = exit_refused,
	[VMX_EXIT_CPUID] = exit_cpuid,
	[VMX_EXIT_GETSEC] = exit_undefined,
	[VMX_EXIT_HLT] = exit_hlt,
	[VMX_EXIT_INVD] = exit_nothing_to_do,
	[VMX_EXIT_INVLPG] = exit_refused,
	[VMX_EXIT_RDPMC] = exit_rdpmc,
	[VMX_EXIT_RDTSC] = exit_refused,
	[VMX_EXIT_RSM] = exit_undefined,
	[VMX_EXIT_VMCALL] = exit_vmcall,
	[VMX_EXIT_VMCLEAR... VMX_EXIT_VMXON] = exit_undefined,
	[VMX_EXIT_CR_ACCESS] = exit_cr_access,
	[VMX_EXIT_DR_ACCESS] = exit_refused,
	[VMX_EXIT_IO] = exit_io,
	[VMX_EXIT_RDMSR] = exit_rdmsr,
	[VMX_EXIT_WRMSR] = exit_wrmsr,
	[VMX_EXIT_BAD_GUEST_STATE... 35] = exit_refused,
	[VMX_EXIT_MWAIT] = exit_undefined,
	[VMX_EXIT_MONITOR_TRAP... 38] = exit_refused,
	[VMX_EXIT_MONITOR] = exit_undefined,
	[VMX_EXIT_PAUSE] = exit_nothing_to_do,
	[VMX_EXIT_MACHINE_CHECK... 42] = exit_refused,
	[VMX_EXIT_TPR_BELOW_THRESHOLD] = exit_tpr_threshold,
	[VMX_EXIT_APIC_ACCESS] = exit_apic_access,
	[VMX_EXIT_VIRTUAL_EOI] = exit_virtual_eoi,
	[VMX_EXIT_GDTR_IDTR... VMX_EXIT_LDTR_TR] = exit_refused,
	[VMX_EXIT_EPT_VIOLATION] = exit_ept_violation,
	[VMX_EXIT_EPT_MISCONFIGURATION] = exit_refused,
	[VMX_EXIT_INVEPT] = exit_undefined,
	[VMX_EXIT_RDTSCP] = exit_refused,
	[VMX_EXIT_PREEMPTION_TIMER] = exit_preemption_timer,
	[VMX_EXIT_INVVPID] = exit_undefined,
	[VMX_EXIT_WBINVD] = exit_nothing_to_do,
	[VMX_EXIT_XSETBV] = exit_xsetbv,
	[VMX_EXIT_APIC_WRITE] = exit_apic_write,
	[VMX_EXIT_RDRAND... VMX_EXIT_INVPCID] = exit_refused,
	[VMX_EXIT_VMFUNC... VMX_EXIT_ENCLS] = exit_undefined,
	[VMX_EXIT_RDSEED... VMX_EXIT_XRSTORS] = exit_refused,
	[VMX_EXIT_PCONFIG] = exit_undefined,
	[VMX_EXIT_SPP] = exit_refused,
	[VMX_EXIT_UMWAIT... VMX_EXIT_TPAUSE] = exit_undefined,
	[VMX_EXIT_LOADIWKEY... VMX_EXIT_BUS_LOCK - 1] = exit_refused,
	/* The instruction is done (SDM 3C 26.2): counted, and slower by the exit than its lock. */
	[VMX_EXIT_BUS_LOCK] = exit_resume,
	[VMX_EXIT_BUS_LOCK + 1 ... VMX_EXIT_WRMSRLIST] = exit_refused,
};

/* ---- dispatch ---- */

/* A reason that nothing here asks for, or an entry that failed: the VM ends, with a dump. */
enum after exit_refused(struct vcpu *vcpu)
{
	u32 reason = vmcs_read32(VMCS_EXIT_REASON);

	if ((reason & EXIT_REASON_BASIC) == VMX_EXIT_MACHINE_CHECK)
		panic("machine check on core %u, at the entry of VM %u vCPU %u",
		      vcpu->rq->core->index, vcpu->vm->id, vcpu->index);
	if (reason >= EXIT_REASONS) /* nobody's row: of the last exit, its entry was the end */
		vcpu->exit = &vcpu->uncounted;
	vm_end(vcpu,
	       (reason & (u32)EXIT_REASON_ENTRY_FAILED) != 0 ? END_ENTRY_FAILED : END_UNKNOWN_EXIT,
	       reason & EXIT_REASON_BASIC);
	return AFTER_RUN;
}

enum after vmx_on_entry_failed(struct vmx_vcpu *vmx, bool invalid)
{
	struct vcpu *vcpu = vcpu_of(vmx);

	account(vcpu, TIME_GUEST, rdtsc());
	vcpu->rq->opened = vcpu->rq->stamp;
	vcpu->exit = &vcpu->uncounted;
	vm_end(vcpu, END_ENTRY_FAILED, invalid ? ~0ull : vmcs_read32(VMCS_INSTRUCTION_ERROR));
	return AFTER_RUN;
}

NORETURN void vmx_on_access_failed(u64 field, const void *caller)
{
	panic("VMREAD or VMWRITE of field 0x%lx failed, from %p", field, caller);
}

/* For the crash report: what this core's guests did last. */
void crash_extra(struct core *core)
{
	const struct core_counters *c = &run_queues[core->index].counters;

	printk("last exits of core %u, oldest first:\n", core->index);
	for (u32 i = 0; i < TRACE_EXITS; i++) {
		u64 word = c->trace[(c->trace_next + i) % TRACE_EXITS];

		if (word != 0)
			printk("  vm %u vcpu %u reason %u, %s\n", TRACE_VM(word), TRACE_VCPU(word),
			       TRACE_REASON(word), exit_reason_name(TRACE_REASON(word)));
	}
}
