/* SPDX-License-Identifier: MIT */
/*
 * KVM's PV EOI: the model knows when an EOI may be skipped (vapic/pv_eoi.c), here it is asked. With
 * PV EOI an interrupt that becomes pending brings ATTEND_EOI with it, and so does an offer that
 * stands: each exit then comes by here. A vCPU without does not, and has no instruction for it.
 */
#include "hv/kernel/pv/pv.h"

#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/pv_eoi.h"

void pv_eoi_settle(struct vcpu *vcpu)
{
	struct vapic_effects fx;
	u32 todo;

	/* Its EOI may be a message to the monitor, which has one at a time; later will do. */
	if ((vcpu->vmx.pending & ATTEND_EOI) == 0 || vcpu->task.thread.busy)
		return;
	todo = vapic_pv_eoi_settle(vcpu->apic, &fx);
	if ((todo & VAPIC_SKIPPED) != 0)
		count(vcpu, COUNT_PV_EOI_SKIPPED);
	vcpu_todo(vcpu, todo, &fx);
}

void pv_eoi_offer(struct vcpu *vcpu)
{
	vcpu->vmx.pending &= ~ATTEND_EOI;
	if (vcpu->pv.eoi == NULL)
		return;
	vapic_pv_eoi_offer(vcpu->apic, vcpu->pv.eoi);
	if (vcpu->apic->eoi_flag != NULL || (vcpu->vmx.pending & PENDING_INTERRUPT) != 0)
		vcpu->vmx.pending |= ATTEND_EOI;
}

void pv_eoi_use(struct vcpu *vcpu, u8 *flag)
{
	/* Where the processor serves the APIC no EOI exits, and ISR is not ours to change. */
	if ((vcpu->vm->config.features & VM_APICV) != 0)
		return;
	pv_eoi_settle(vcpu);
	vapic_pv_eoi_withdraw(vcpu->apic);
	vcpu->pv.eoi = flag;
	vcpu->vmx.pending &= ~ATTEND_EOI;
	vcpu->vmx.pending_interrupt = PENDING_INTERRUPT | (flag != NULL ? ATTEND_EOI : 0);
}
