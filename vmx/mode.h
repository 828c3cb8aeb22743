/* SPDX-License-Identifier: MIT */
/*
 * Carries out the guest's moves to CR0 and CR4 and its writes of EFER that exit, and refuses what
 * the processor would. All functions act on the current VMCS, on the owner's core.
 */
#ifndef VMX_MODE_H
#define VMX_MODE_H

#include "hv/base/types.h"
#include "hv/base/x86.h"
#include "vmx/controls.h"
#include "vmx/vmcs.h"

struct vmx_vcpu;

/* Whether the guest is in 64-bit mode, which needs CS.L and EFER.LMA (SDM 3A 2.2). */
static ALWAYS_INLINE bool vmx_is_64_bit(void)
{
	return (vmcs_read32(VMCS_GUEST_CS_ACCESS) & ACCESS_L) != 0 &&
	       (vmcs_read64(VMCS_GUEST_EFER) & EFER_LMA) != 0;
}

/*
 * Carries out MOV to CR0, LMSW or CLTS, with the value that it would leave. physical_mask:
 * BITS(MAXPHYADDR - 1, 0) of the guest. False: #GP(0), and nothing has changed.
 */
MUST_USE bool vmx_cr0_write(struct vmx_vcpu *vcpu, u64 value, u64 physical_mask);

/* Carries out MOV to CR4 with bits that CPUID offers; it exits when MCE changes. False: #GP(0). */
MUST_USE bool vmx_cr4_write(struct vmx_vcpu *vcpu, u64 value, u64 physical_mask);

/* Carries out WRMSR of EFER without reserved bits; LMA is ignored. False: #GP(0). */
MUST_USE bool vmx_efer_write(struct vmx_vcpu *vcpu, u64 value);

#endif
