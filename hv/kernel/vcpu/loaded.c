/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vcpu/loaded.h"

#include "hv/base/x86.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/vm/vm.h"
#include "hv/kernel/vm/vm_vcpu.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

/*
 * Root has none of these; and what a guest has left in the vector registers and in TSC_AUX it may
 * not see. CR0.TS is set while root runs, and after it until another's turn.
 */
void vcpu_load(struct run_queue *rq, struct vcpu *vcpu)
{
	bool hidden = (read_cr0() & CR0_TS) != 0;
	struct vmx_guest_state *state = rq->loaded != NULL ? &rq->loaded->vmx.state : NULL;

	if (vcpu->vm->id == HOST_VM) {
		write_cr0(read_cr0() | CR0_TS);
		if (!hidden)
			vmx_state_hide(state);
		return;
	}
	clts();
	if (hidden && state != NULL)
		vmx_state_show(state);
	if (rq->loaded == vcpu)
		return;
	if (rq->loaded != NULL)
		vmx_state_save(&rq->loaded->vmx.state);
	if (!vcpu->prepared) {
		vm_prepare_vcpu(vcpu);
		vcpu->prepared = true;
	}
	if (!vmcs_load(vcpu->vmx.vmcs))
		panic("VMPTRLD of VM %u vCPU %u failed", vcpu->vm->id, vcpu->index);
	vmx_state_load(&vcpu->vmx.state);
	rq->loaded = vcpu;
}

void vcpu_unload(struct run_queue *rq, struct vcpu *vcpu)
{
	if (rq->loaded != vcpu)
		return;
	if (!vmcs_clear(vcpu->vmx.vmcs))
		panic("VMCLEAR of VM %u vCPU %u failed", vcpu->vm->id, vcpu->index);
	rq->loaded = NULL;
}
