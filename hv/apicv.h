/* SPDX-License-Identifier: MIT */
/*
 * apicv=on: the processor serves the guest's APIC (vmx/apicv.h), and the model in vapic/ is the
 * reference and the fallback. While the processor serves, TPR, PPR, ISR and IRR in the APIC's page
 * are its own; the model adds to IRR, which the next entry hands over, and looks at the rest
 * only where it must (docs/vapic.md, back ends). A vCPU is served while its APIC is enabled, by
 * SVR too, and, in xAPIC mode, is at its usual address. Else the model does it all.
 */
#ifndef HV_APICV_H
#define HV_APICV_H

#include "hv/base/types.h"
#include "hv/vm.h"

/* The machine has what VM_APICV needs in these modes. */
MUST_USE bool apicv_offered(enum apic_kind apic);

/* Building a VM with VM_APICV: bitmap, access page, its EPT. False: out of memory. */
MUST_USE bool apicv_build(struct vm *vm);

/* On its core, after the VMCS was made. */
void apicv_prepare(struct vcpu *vcpu);

/* After VAPIC_MODE: who serves from now on? The VMCS is current. */
void apicv_switch(struct vcpu *vcpu);

/* Before an entry, PENDING_VIRTUAL: what came into IRR becomes the processor's. */
void apicv_hand_over(struct vcpu *vcpu);

/* While the processor serves, after the model may have changed ISR (vapic_adopt came before). */
void apicv_resync(struct vcpu *vcpu);

#endif
