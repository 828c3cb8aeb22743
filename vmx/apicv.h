/* SPDX-License-Identifier: MIT */
/*
 * Chooses who serves the guest's APIC accesses: exits, or the processor (SDM 3C, "APIC
 * Virtualization and Virtual Interrupts"): TPR shadow, APIC-register virtualisation and
 * virtual-interrupt delivery together, in xAPIC mode through the APIC-access page, in x2APIC mode
 * through the MSRs.
 *
 * All act on the current VMCS, on the owner's core. What the APIC holds is the layer above's.
 */
#ifndef VMX_APICV_H
#define VMX_APICV_H

#include "hv/base/types.h"
#include "vmx/caps.h"

struct vmx_vcpu;

enum vmx_apic {
	VMX_APIC_TRAPPED, /* the processor does nothing */
	VMX_APIC_XAPIC,
	VMX_APIC_X2APIC,
	VMX_APICS
};

/* Constant for a VM. Where the processor serves, the rest of the APIC's state leads here too. */
struct vmx_apicv {
	hpa_t ept[VMX_APICS];        /* root: with the APIC-access page mapped for xAPIC mode */
	hpa_t msr_bitmap[VMX_APICS]; /* with the x2APIC MSRs open that the processor serves */
	hpa_t access_page;
	bool trapped_access; /* trapped, accesses to that page exit as such: apic-page=on */
};

/* Posted interrupts. The VMCS's own fields, once; then on and off while the processor serves. */
void vmx_posted_prepare(hpa_t descriptor, u8 vector);
void vmx_posted_set(struct vmx_vcpu *vcpu, bool on);

/*
 * The TPR shadow: MOV to and from CR8 reach the TPR in the virtual-APIC page without an exit, and,
 * where accesses to the APIC-access page exit as such, loads and stores of that page's TPR too.
 * A move or store that makes TPR's class less than the threshold exits:
 * VMX_EXIT_TPR_BELOW_THRESHOLD. An entry with the threshold above TPR's class fails (SDM
 * 3C 27.2.1.1) or exits at once: lowering TPR must set the threshold again. Both do nothing on a
 * processor that lacks it: there CR8 exits.
 */
MUST_USE bool vmx_has_tpr_shadow(const struct vmx_caps *caps);
void vmx_tpr_shadow(struct vmx_vcpu *vcpu, bool on); /* and the threshold 0 */
void vmx_tpr_threshold(struct vmx_vcpu *vcpu, u32 class);

/* Whether the processor has what VMX_APIC_XAPIC and VMX_APIC_X2APIC need. */
MUST_USE bool vmx_apicv_offered(const struct vmx_caps *caps, enum vmx_apic how);

/* A new VMCS, after vmx_vcpu_setup: the other addresses, and VMX_APIC_TRAPPED. */
void vmx_apicv_prepare(struct vmx_vcpu *vcpu, const struct vmx_apicv *vm);

/* Changes who serves. The TPR shadow stays off where it would serve a trapped page. */
void vmx_apicv_set(struct vmx_vcpu *vcpu, const struct vmx_apicv *vm, enum vmx_apic how);

/* A vector came into the virtual-APIC page's IRR: RVI becomes at least that. */
void vmx_apicv_offer(u32 vector);

/* The processor begins to keep ISR and IRR: guest interrupt status, SVI << 8 | RVI. */
void vmx_apicv_status(u16 status);

/* Vectors whose EOI exits, one bit each, as TMR has them in the page. */
void vmx_apicv_eoi_exits(const u32 tmr[32]);

#endif
