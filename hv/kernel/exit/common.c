/* SPDX-License-Identifier: MIT */
/* Exits that need no file of their own, and entries and accesses that fail. */
#include "hv/abi/exit_names.h"
#include "hv/base/printk.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/exit/advance.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/sched/account.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/inject.h"
#include "vmx/reasons.h"
#include "vmx/vmcs.h"

enum after exit_triple_fault(struct vcpu *vcpu)
{
	vm_end(vcpu, END_TRIPLE_FAULT, 0);
	return AFTER_RUN;
}

/* The guest can take an interrupt or an NMI now. Who of those still pending cannot opens its window
 * again. */
enum after exit_window(struct vcpu *vcpu)
{
	vmx_windows_closed(&vcpu->vmx);
	return AFTER_RESUME;
}

/* TPR has fallen below the class of an interrupt that it held back: time to look again. */
enum after exit_tpr_threshold(struct vcpu *vcpu)
{
	vmx_take_traps(&vcpu->vmx);
	vcpu->vmx.pending |= PENDING_INTERRUPT;
	return AFTER_RESUME;
}

/* Instructions that this guest's processor does not have. */
enum after exit_undefined(struct vcpu *vcpu)
{
	vmx_inject_fault(&vcpu->vmx, EXCEPTION_UD, 0);
	return AFTER_RESUME;
}

enum after exit_protected(struct vcpu *vcpu)
{
	vmx_inject_fault(&vcpu->vmx, EXCEPTION_GP, 0);
	return AFTER_RESUME;
}

enum after exit_resume(UNUSED struct vcpu *vcpu)
{
	return AFTER_RESUME;
}

/* INVD, WBINVD: caches stay as they are, which no guest without devices can tell. PAUSE. */
enum after exit_nothing_to_do(struct vcpu *vcpu)
{
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}

/* The time is looked at before each entry: the way there is all that this exit was for. */
enum after exit_preemption_timer(struct vcpu *vcpu)
{
	vcpu_stop_timer(vcpu);
	return AFTER_RUN;
}

/* ---- what nothing asked for ---- */

/* A reason that nothing here asks for, or an entry that failed: the VM ends, with a dump. */
enum after exit_refused(struct vcpu *vcpu)
{
	u32 reason = vmcs_read32(VMCS_EXIT_REASON);

	if ((reason & EXIT_REASON_BASIC) == VMX_EXIT_MACHINE_CHECK)
		panic("machine check on core %u, at the entry of VM %u vCPU %u",
		      vcpu->task.rq->core->index, vcpu->vm->id, vcpu->index);
	if (reason >= EXIT_REASONS) /* nobody's row: of the last exit, its entry was the end */
		vcpu->task.exit = &vcpu->task.uncounted;
	vm_end(vcpu,
	       (reason & (u32)EXIT_REASON_ENTRY_FAILED) != 0 ? END_ENTRY_FAILED : END_UNKNOWN_EXIT,
	       reason & EXIT_REASON_BASIC);
	return AFTER_RUN;
}

enum after vmx_on_entry_failed(struct vmx_vcpu *vmx, bool invalid)
{
	struct vcpu *vcpu = vcpu_of(vmx);

	account(&vcpu->task, TIME_GUEST, rdtsc());
	vcpu->task.rq->opened = vcpu->task.rq->stamp;
	vcpu->task.exit = &vcpu->task.uncounted;
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
