/* SPDX-License-Identifier: MIT */
/* Moves RIP behind the instruction that exited, and does what its end does besides. */
#ifndef HV_EXIT_ADVANCE_H
#define HV_EXIT_ADVANCE_H

#include "hv/base/x86.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "vmx/vmcs.h"

/*
 * length: of the instruction, in bytes, where no exit field tells; 0: a repeated instruction has
 * done one element and is at the next. The VMCS is current. Whoever would put the vCPU to sleep
 * looks for PENDING_RETIRE first.
 *
 * All that is rare is tested at once and left to the next entry: a shadow that ends, the trap of a
 * single step, RF, which the processor has set for an access to memory (SDM 3C 28.3.3), RIP beyond
 * 4 GiB. So is blocking of NMIs, of which nothing follows, for that saves a mask.
 */
static ALWAYS_INLINE void vcpu_advance_by(struct vcpu *vcpu, u64 length)
{
	u64 interruptibility = vmcs_peek(VMCS_GUEST_INTERRUPTIBILITY);
	u64 rflags = vmcs_peek(VMCS_GUEST_RFLAGS);
	u64 rip = vmcs_peek(VMCS_GUEST_RIP) + length;

	vmcs_write(VMCS_GUEST_RIP, rip);
	if (unlikely((interruptibility | (rflags & (RFLAGS_TF | RFLAGS_RF))) != 0) ||
	    unlikely((u32)rip < (u32)length))
		vcpu->vmx.pending |= PENDING_RETIRE;
}

static ALWAYS_INLINE void vcpu_advance(struct vcpu *vcpu)
{
	/* 32 bits that VMREAD has extended to 64. */
	vcpu_advance_by(vcpu, vmcs_peek(VMCS_EXIT_INSTRUCTION_LENGTH));
}

#endif
