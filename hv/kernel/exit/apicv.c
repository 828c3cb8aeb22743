/* SPDX-License-Identifier: MIT */
/*
 * Exits of a processor that serves the APIC: what it stored and cannot do itself. They are traps:
 * the guest's instruction is over.
 */
#include "hv/kernel/ipi/apicv.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/sched/sched.h"
#include "vapic/arch.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/vmcs.h"

/* xAPIC mode's ICR first: it is the IPI path. */
static u32 follow(struct vcpu *vcpu, u32 offset, struct vapic_effects *fx)
{
	struct vapic *apic = vcpu->apic;

	if (likely(offset == APIC_ICR && vapic_mode(apic) == VAPIC_XAPIC))
		return vapic_icr_write_low(apic, apic->reg[APIC_ICR / 4], fx);
	return vapic_apic_write(apic, offset, vcpu_guest_tsc(vcpu, vcpu->task.rq->stamp), fx);
}

/* A debug trap that waits in the VMCS is safe unless something else is about to be injected. */
static enum after go_on(struct vcpu *vcpu)
{
	if (unlikely((vcpu->vmx.pending & PENDING_EVENTS) != 0))
		vmx_take_traps(&vcpu->vmx);
	return AFTER_RESUME;
}

enum after exit_apic_write(struct vcpu *vcpu)
{
	u32 offset = (u32)(vmcs_read(VMCS_EXIT_QUALIFICATION) & APIC_ACCESS_OFFSET);
	u32 mode = offset == APIC_ICR ? vcpu->apic->reg[APIC_ICR / 4] >> 8 : VAPIC_DM_FIXED;
	struct vapic_effects fx;
	u32 todo = follow(vcpu, offset, &fx);

	if ((todo & VAPIC_SENT) != 0)
		notify_targets(vcpu, IPI_APIC_WRITE, mode, todo, &fx);
	if ((todo & ~(u32)(VAPIC_SENT | VAPIC_WAKE)) != 0)
		vcpu_todo(vcpu, todo, &fx);
	return go_on(vcpu);
}

/* The EOI of a vector in the EOI-exit bitmap: ISR and SVI are up to date already. */
enum after exit_virtual_eoi(struct vcpu *vcpu)
{
	u8 vector = (u8)vmcs_read(VMCS_EXIT_QUALIFICATION);
	struct vapic_effects fx;

	count(vcpu, COUNT_EOI);
	vcpu_todo(vcpu, vapic_virtual_eoi(vcpu->apic, vector, &fx), &fx);
	return go_on(vcpu);
}
