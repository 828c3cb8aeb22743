/* SPDX-License-Identifier: MIT */
/*
 * The states that a guest's processor starts in: after INIT and SIPI, in flat protected mode, in
 * long mode. Written into the current VMCS and gpr[].
 */
#ifndef VMX_START_H
#define VMX_START_H

#include "hv/abi/message.h"
#include "hv/base/types.h"

struct vmx_vcpu;

/*
 * Sets the state after INIT (SDM 3A table 10-1): real mode, at cs:ip, EDX the signature. Keeps
 * FPU, XCR0, MSRs, CR0.CD and NW, and what is pending. The core holds this vCPU's state, and all of
 * the guest's registers are in gpr[].
 */
void vmx_start_real(struct vmx_vcpu *vcpu, u16 cs, u16 ip, u32 signature);

/* Starts the first vCPU as its monitor asks. False: a mode or address no processor could hold. */
MUST_USE bool vmx_start_image(struct vmx_vcpu *vcpu, const struct vcpu_start *start);

#endif
