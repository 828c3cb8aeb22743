/* SPDX-License-Identifier: MIT */
/*
 * The mode that a guest's processor is in: what moves to CR0 and writes of EFER refuse and change
 * where they exit. All act on the current VMCS, on the owner's core.
 */
#ifndef VMX_MODE_H
#define VMX_MODE_H

#include "hv/base/types.h"
#include "hv/base/x86.h"
#include "vmx/controls.h"
#include "vmx/vmcs.h"

struct vmx_vcpu;

/* SDM 3A 2.2: 64-bit mode needs both. */
static ALWAYS_INLINE bool vmx_is_64_bit(void)
{
	return (vmcs_read32(VMCS_GUEST_CS_ACCESS) & ACCESS_L) != 0 &&
	       (vmcs_read64(VMCS_GUEST_EFER) & EFER_LMA) != 0;
}

/*
 * MOV to CR0, LMSW and CLTS with the value that they would leave. physical_mask: BITS(MAXPHYADDR -
 * 1, 0) of the guest. False: #GP(0), and nothing has changed.
 */
MUST_USE bool vmx_cr0_write(struct vmx_vcpu *vcpu, u64 value, u64 physical_mask);

/* MOV to CR4 with bits that CPUID offers; it exits for MCE, whatever else it changes. As above. */
MUST_USE bool vmx_cr4_write(struct vmx_vcpu *vcpu, u64 value, u64 physical_mask);

/* WRMSR of EFER, with no bit set that is reserved; LMA's is ignored. False: as above. */
MUST_USE bool vmx_efer_write(struct vmx_vcpu *vcpu, u64 value);

#endif
