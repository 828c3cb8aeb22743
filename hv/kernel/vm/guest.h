/* SPDX-License-Identifier: MIT */
/*
 * What ring 0 reads and writes of a guest: its memory, its registers, the instruction it is at. All
 * on the current vCPU, its VMCS loaded.
 */
#ifndef HV_VM_GUEST_H
#define HV_VM_GUEST_H

#include "hv/base/types.h"
#include "hv/base/x86.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "vmx/controls.h"
#include "vmx/qualification.h"
#include "vmx/vmcs.h"
#include "vmx/walk.h"

/* The bytes that the guest is at. */
void guest_fetch(const struct vcpu *vcpu, struct insn_bytes *bytes);

/* The same decoded; NULL: gone in the meantime, or no plain load or store. */
const struct insn *guest_insn(struct vcpu *vcpu);

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

/*
 * The guest-physical address range [gpa, gpa + len) as host memory; NULL where it is not all RAM.
 * The one place where an address from a guest becomes a pointer.
 */
void *guest_pointer(const struct vcpu *vcpu, u64 gpa, u64 len);

/*
 * What the guest asked for in vain: keeps the first ones by name, with the RIP at hand, for who
 * wonders why it hangs; counts it too.
 */
void guest_note_refused(struct vcpu *vcpu, enum vcpu_count event, u64 what);

static inline void guest_refused(struct vcpu *vcpu, enum vcpu_count event, u64 what)
{
	count(vcpu, event);
	guest_note_refused(vcpu, event, what);
}

#endif
