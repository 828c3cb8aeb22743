/* SPDX-License-Identifier: MIT */
/*
 * apicv=on: the processor serves the guest's APIC (vmx/apicv.h), and the model in vapic/ is the
 * reference and the fallback. While the processor serves, TPR, PPR, ISR and IRR in the APIC's page
 * are its own; the model adds to IRR, which the next entry hands over, and looks at the rest
 * only where it must (docs/vapic.md, back ends). A vCPU is served while its APIC is enabled, by
 * SVR too, and, in xAPIC mode, is at its usual address. Else the model does it all.
 */
#ifndef HV_IPI_APICV_H
#define HV_IPI_APICV_H

#include "hv/base/types.h"
#include "hv/kernel/vm/vm.h"

/* The machine has what VM_APICV needs in these modes. */
MUST_USE bool apicv_offered(enum apic_kind apic);

/* Building a VM with VM_APICV, whose two trees have their roots: bitmaps, and which goes with which
 * mode. False: out of memory. */
MUST_USE bool apicv_build(struct vm *vm);

/* On its core, after the VMCS was made; any VM. */
void apicv_prepare(struct vcpu *vcpu);

/* After VAPIC_MODE: who serves from now on, TPR shadow included? The VMCS is current. */
void apicv_switch(struct vcpu *vcpu);

/*
 * posted=on, on its core: the processor takes vectors from the mailbox, or no longer. It does not
 * know levels, so that it must not once a device has sent one: apicv_level, any core, before the
 * message is posted. True: no vCPU of the VM is in guest mode with the mailbox open. False: some
 * are still on their way out; ask again.
 */
void apicv_post(struct vcpu *vcpu, bool on);
MUST_USE bool apicv_level(struct vm *vm);

/* Before an entry, PENDING_VIRTUAL: what came into IRR becomes the processor's. */
void apicv_hand_over(struct vcpu *vcpu);

/* Would an interrupt end HLT? Whoever serves: a processor's vectors the model counts anew. */
static ALWAYS_INLINE bool apicv_interrupt_due(struct vcpu *vcpu)
{
	u32 pending = vcpu->vmx.pending;

	if ((pending & PENDING_INTERRUPT) == 0) {
		if (likely((pending & PENDING_VIRTUAL) == 0))
			return false;
		vapic_adopt(vcpu->apic);
	}
	return !vcpu->halted_deaf && vapic_next(vcpu->apic) >= 0;
}

/* While the processor serves, after the model may have changed ISR (vapic_adopt came before). */
void apicv_resync(struct vcpu *vcpu);

#endif
