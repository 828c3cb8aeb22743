/* SPDX-License-Identifier: MIT */
/* Exits for memory and ports. */
#include "hv/kernel/ipi/apicv.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/exit/guest.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/arch.h"
#include "vmx/apicv.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/vmcs.h"

/* To the monitor at once, if it was asked: what else there is to look at comes after its answer. */
static NORETURN void after_access(struct vcpu *vcpu)
{
	if (vcpu->thread.busy)
		message_resume_thread(vcpu);
	vcpu_resume_guest(vcpu);
}

/* Ends the VM unless this is a plain access to data, which no event's delivery made. */
static ALWAYS_INLINE void insist(struct vcpu *vcpu, bool plain, u64 where)
{
	vmx_take_revectored(&vcpu->vmx);
	if (plain && (vcpu->vmx.pending & PENDING_REVECTORED) == 0)
		return;
	vm_end(vcpu, END_UNREACHABLE, where);
	vcpu_run(vcpu);
}

NORETURN void exit_ept_violation(struct vcpu *vcpu)
{
	struct ept_access access = ept_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));
	u64 gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);

	/* From the start of a page of code: the tree in use is one of both. */
	if (access.fetch &&
	    (ept_execute(&vcpu->vm->ept, GPA(gpa)) | ept_execute(&vcpu->vm->ept_apic, GPA(gpa)))) {
		vmx_take_revectored(&vcpu->vmx);
		vcpu_resume_guest(vcpu);
	}
	/* Not a fetch from nowhere, nor a page table that is nowhere. */
	insist(vcpu, !access.fetch && access.translated, gpa);
	guest_mmio(vcpu, gpa);
	after_access(vcpu);
}

NORETURN void exit_apic_access(struct vcpu *vcpu)
{
	struct apic_access access = apic_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));
	u64 gpa = APIC_BASE_ADDRESS | access.offset;

	insist(vcpu, access.type <= APIC_ACCESS_LINEAR_WRITE, gpa);
	if (unlikely(vcpu->vmx.apic != VMX_APIC_TRAPPED))
		vapic_adopt(vcpu->apic);
	guest_mmio(vcpu, gpa);
	if (unlikely(vcpu->vmx.apic != VMX_APIC_TRAPPED))
		apicv_resync(vcpu);
	after_access(vcpu);
}

NORETURN void exit_io(struct vcpu *vcpu)
{
	guest_io(vcpu);
	after_access(vcpu);
}
