/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vcpu/loaded.h"

#include "hv/base/x86.h"
#include "hv/kernel/cpu/crash.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

void vcpu_hide(struct run_queue *rq)
{
	if ((read_cr0() & CR0_TS) != 0)
		return;
	write_cr0(read_cr0() | CR0_TS);
	rq->core->tsc_aux = rdmsr(IA32_TSC_AUX);
	wrmsr(IA32_TSC_AUX, 0);
}

void vcpu_load(struct run_queue *rq, struct vcpu *vcpu)
{
	if ((read_cr0() & CR0_TS) != 0) {
		clts();
		wrmsr(IA32_TSC_AUX, rq->core->tsc_aux);
	}
	if (rq->loaded == vcpu)
		return;
	if (rq->loaded != NULL)
		vmx_state_save(&rq->loaded->vmx.state);
	if (!vmcs_load(vcpu->vmx.vmcs))
		panic("VMPTRLD of VM %u vCPU %u failed", vcpu->task.vm, vcpu->index);
	vmx_state_load(&vcpu->vmx.state);
	rq->loaded = vcpu;
}

void vcpu_unload(struct run_queue *rq, struct vcpu *vcpu)
{
	if (rq->loaded != vcpu)
		return;
	if (!vmcs_clear(vcpu->vmx.vmcs))
		panic("VMCLEAR of VM %u vCPU %u failed", vcpu->task.vm, vcpu->index);
	rq->loaded = NULL;
}
