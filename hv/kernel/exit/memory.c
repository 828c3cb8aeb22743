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
static enum after after_access(struct vcpu *vcpu)
{
	return vcpu->thread.busy ? AFTER_THREAD : AFTER_RESUME;
}

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
	guest_mmio(vcpu, gpa, access.write);
	return after_access(vcpu);
}

enum after exit_apic_access(struct vcpu *vcpu)
{
	struct apic_access access = apic_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));
	u64 gpa = APIC_BASE_ADDRESS | access.offset;

	if (!is_data_access(vcpu, access.type <= APIC_ACCESS_LINEAR_WRITE, gpa))
		return AFTER_RUN;
	if (unlikely(vcpu->vmx.apic != VMX_APIC_TRAPPED))
		vapic_adopt(vcpu->apic);
	guest_mmio(vcpu, gpa, access.type == APIC_ACCESS_LINEAR_WRITE);
	if (unlikely(vcpu->vmx.apic != VMX_APIC_TRAPPED))
		apicv_resync(vcpu);
	return after_access(vcpu);
}

enum after exit_io(struct vcpu *vcpu)
{
	guest_io(vcpu);
	return after_access(vcpu);
}
