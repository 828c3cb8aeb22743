/* SPDX-License-Identifier: MIT */
/* Moves RIP behind the instruction that exited, and ends STI and MOV-SS shadows. */
#ifndef HV_EXIT_ADVANCE_H
#define HV_EXIT_ADVANCE_H

#include "vmx/controls.h"
#include "vmx/vmcs.h"

/* length: of the instruction, in bytes, where no exit field tells. The VMCS is current. */
static ALWAYS_INLINE void vcpu_advance_by(u64 length)
{
	u32 interruptibility = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);

	vmcs_write(VMCS_GUEST_RIP, vmcs_read(VMCS_GUEST_RIP) + length);
	if (unlikely((interruptibility & INTERRUPTIBILITY_SHADOWS) != 0))
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY,
		             interruptibility & ~INTERRUPTIBILITY_SHADOWS);
}

static ALWAYS_INLINE void vcpu_advance(void)
{
	/* 32 bits that VMREAD has extended to 64. */
	vcpu_advance_by(vmcs_read_raw(VMCS_EXIT_INSTRUCTION_LENGTH));
}

#endif
