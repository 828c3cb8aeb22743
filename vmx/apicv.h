/* SPDX-License-Identifier: MIT */
/*
 * Chooses who serves the guest's APIC accesses: exits, or the processor (SDM 3C, "APIC
 * Virtualization and Virtual Interrupts"): TPR shadow, APIC-register virtualisation and
 * virtual-interrupt delivery together, in xAPIC mode through the APIC-access page, in x2APIC mode
 * through the MSRs.
 *
 * All functions act on the current VMCS, on the owner's core. The APIC's contents are the caller's.
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

/* A VM's addresses for each way to serve its APICs; constant. */
struct vmx_apicv {
	hpa_t ept[VMX_APICS];        /* EPT roots; xAPIC mode's maps the APIC-access page */
	hpa_t msr_bitmap[VMX_APICS]; /* x2APIC mode's has those MSRs open that the processor serves
	                              */
	hpa_t access_page;
	bool trapped_access; /* apic-page=on: VMX_APIC_TRAPPED uses that page too */
};

/*
 * Posted interrupts: vmx_posted_prepare writes a VMCS's fields, once; vmx_posted_set switches them
 * on and off while the processor serves.
 */
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

/* Prepares a new VMCS after vmx_vcpu_setup: writes the addresses, sets VMX_APIC_TRAPPED. */
void vmx_apicv_prepare(struct vmx_vcpu *vcpu, const struct vmx_apicv *vm);

/* Changes who serves. The TPR shadow stays off where it would serve a trapped page. */
void vmx_apicv_set(struct vmx_vcpu *vcpu, const struct vmx_apicv *vm, enum vmx_apic how);

/* Raises RVI to a vector that came into the virtual-APIC page's IRR. */
void vmx_apicv_offer(u32 vector);

/* Writes the guest interrupt status, SVI << 8 | RVI, when the processor begins to serve. */
void vmx_apicv_status(u16 status);

/* Sets which vectors' EOI exits: those whose bit is set in the page's TMR. */
void vmx_apicv_eoi_exits(const u32 tmr[32]);

#endif
