/* SPDX-License-Identifier: MIT */
/*
 * Exits that need the guest's instruction or memory: MMIO (to the APIC here, to the monitor else),
 * ports. All on the current vCPU, its VMCS loaded.
 */
#ifndef HV_EXIT_GUEST_H
#define HV_EXIT_GUEST_H

#include "hv/base/types.h"
#include "hv/base/x86.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "vmx/controls.h"
#include "vmx/qualification.h"
#include "vmx/vmcs.h"

/* An access to guest-physical memory that is not there. False: the VM was ended. */
void guest_mmio(struct vcpu *vcpu, u64 gpa);

/* A port access; RIP is moved when the monitor has answered. */
void guest_io(struct vcpu *vcpu);

/* INS or OUTS: the exit, and what follows the monitor's answer. */
void guest_string_io(struct vcpu *vcpu, const struct io_access *io);
void guest_finish_string_io(struct vcpu *vcpu, u64 value);

/* What WRMSR writes. */
static ALWAYS_INLINE u64 guest_edx_eax(const struct vcpu *vcpu)
{
	return (u32)vcpu->vmx.gpr[RAX] | vcpu->vmx.gpr[RDX] << 32;
}

/* What RDMSR and RDPMC read. */
static ALWAYS_INLINE void guest_set_edx_eax(struct vcpu *vcpu, u64 value)
{
	vcpu->vmx.gpr[RAX] = (u32)value;
	vcpu->vmx.gpr[RDX] = value >> 32;
}

/*
 * 64-bit mode and CPL 0, by one read less: a code segment that does not conform has the CPL as its
 * DPL. False says nothing.
 */
static ALWAYS_INLINE bool guest_is_64_bit_kernel(void)
{
	return (vmcs_read32(VMCS_GUEST_CS_ACCESS) & (ACCESS_L | ACCESS_DPL | ACCESS_CONFORMS)) ==
	               ACCESS_L &&
	       (vmcs_read64(VMCS_GUEST_EFER) & EFER_LMA) != 0;
}

/* CPL is SS's DPL (SDM 3C 25.4.1). */
static ALWAYS_INLINE bool guest_is_user(void)
{
	return (vmcs_read32(VMCS_GUEST_SS_ACCESS) & ACCESS_DPL) != 0;
}

/* A general register as the guest has it now; RSP is in the VMCS. Of a long exit only. */
static ALWAYS_INLINE u64 guest_register(const struct vcpu *vcpu, unsigned int reg)
{
	return reg == RSP ? vmcs_read(VMCS_GUEST_RSP) : vcpu->vmx.gpr[reg];
}

static ALWAYS_INLINE void guest_set_register(struct vcpu *vcpu, unsigned int reg, u64 value)
{
	if (reg == RSP)
		vmcs_write(VMCS_GUEST_RSP, value);
	else
		vcpu->vmx.gpr[reg] = value;
}

/* What a walk of the guest's page tables depends on now. */
struct walk_state guest_walk_state(const struct vcpu *vcpu);

/* The monitor's answer to the access at hand: registers, RIP. */
void guest_finish_access(struct vcpu *vcpu, u64 value);

/*
 * The guest-physical address range [gpa, gpa + len) as host memory; NULL where it is not all RAM.
 * The one place where an address from a guest becomes a pointer.
 */
void *guest_pointer(const struct vcpu *vcpu, u64 gpa, u64 len);

/*
 * Counts what the guest asked for in vain, and keeps the first ones by name with the RIP at hand:
 * for who wonders why it hangs.
 */
void guest_refused(struct vcpu *vcpu, enum vcpu_event event, u64 what);

#endif
