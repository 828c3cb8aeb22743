/* SPDX-License-Identifier: MIT */
/*
 * VT-x on a core, and the making of a VMCS: everything that is written once. Control registers are
 * here too, since what the guest sees of them and what the processor holds differ.
 */
#ifndef VMX_SETUP_H
#define VMX_SETUP_H

#include "hv/base/types.h"
#include "vmx/vcpu.h"

struct vmx_raw;

/*
 * Switches VMX on, at boot, on each core: sets CR0 and CR4 as VMX wants them, IA32_FEATURE_CONTROL
 * unless the firmware has locked it (`mine` are this core's own words), and does VMXON in a region
 * of its own (a zeroed frame). False: VMXON was refused.
 */
MUST_USE bool vmx_core_start(const struct vmx_caps *caps, const struct vmx_raw *mine, hpa_t region);

/* Host state that an exit loads: constants of the core that the vCPU is pinned to. */
struct vmx_host {
	u64 cr3; /* of the kernel, whichever process was active */
	u64 gdt_base, tss_base;
	u16 code, data, tss; /* selectors */
	u64 stack_top;
};

/* The parts in which one vCPU's VMCS differs from another's. */
struct vmx_config {
	const struct vmx_caps *caps;
	hpa_t ept; /* root of the tree */
	u16 vpid;  /* not 0; unique on the machine */
	hpa_t msr_bitmap;
	hpa_t io_bitmaps;   /* two frames in a row */
	hpa_t apic_page;    /* raw 0: no "virtualise APIC accesses" */
	hpa_t virtual_apic; /* the model's registers: 4 KiB in the APIC page's layout */
	u64 cr4_guest;      /* CR4 bits that the guest's CPUID offers */
};

/*
 * Fills the frames `vmcs` and state.xsave of a vCPU, on its own core. Afterwards the VMCS is
 * current, and lacks only a start state (vmx/start.h). False: the frame was refused.
 */
MUST_USE bool vmx_vcpu_setup(struct vmx_vcpu *vcpu, const struct vmx_config *config,
                             const struct vmx_host *host);

/* Read and write the guest's view of CR0 and CR4. The caller has checked the value. */
u64 vmx_read_cr0(void);
u64 vmx_read_cr4(void);
void vmx_write_cr0(struct vmx_vcpu *vcpu, u64 value);
void vmx_write_cr4(struct vmx_vcpu *vcpu, u64 value);

/* Writes EFER, and the entry control that must agree with its LMA bit. */
void vmx_write_efer(u64 value);

/* Bits of CR0 that exit: VT-x holds them at 1, or entry leaves them alone. */
#define GUEST_CR0_OWNED (CR0_NE | CR0_NW | CR0_CD)

#endif
