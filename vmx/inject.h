/* SPDX-License-Identifier: MIT */
/*
 * Events into the guest (SDM 3C 25.8.3, 27.6): one at each entry, by priority: what an exit cut
 * short, faults, NMI, interrupt. What cannot go in now opens a window: the guest exits as soon as
 * it can. All act on the current VMCS, on the owner's core.
 */
#ifndef VMX_INJECT_H
#define VMX_INJECT_H

#include "hv/base/types.h"
#include "hv/base/x86.h"
#include "vmx/controls.h"
#include "vmx/vmcs.h"

struct vmx_vcpu;

enum exception_vector {
	EXCEPTION_DB = 1,
	EXCEPTION_NMI = 2,
	EXCEPTION_UD = 6,
	EXCEPTION_DF = 8,
	EXCEPTION_GP = 13,
	EXCEPTION_PF = 14,
	EXCEPTION_AC = 17,
	EXCEPTION_MC = 18,
};

/* A fault at the instruction that exited: RIP stays. error is ignored for those without one. */
void vmx_inject_fault(struct vmx_vcpu *vcpu, enum exception_vector vector, u32 error);

/* The same for #DB: DR6 and DR7 first. `causes` as exit qualifications have them. */
void vmx_inject_debug(struct vmx_vcpu *vcpu, u64 causes);

/*
 * PENDING_RETIRE: RIP has been moved behind an instruction that exited. Does what its end does
 * besides: cuts RIP to 32 bits outside 64-bit mode, ends shadows, clears RF, and takes up debug
 * traps: that of a single step, and what MOV SS has held back. vmx_inject begins with it; whoever
 * needs to know earlier whether there is a trap (PENDING_EXCEPTION then) calls it.
 */
void vmx_retire(struct vmx_vcpu *vcpu);

/*
 * After an exit that comes behind an instruction, which leaves debug traps pending in the VMCS (SDM
 * 3C 28.3.4). They come before NMIs and interrupts, and an entry that injects one of those would
 * drop them (27.7.3).
 */
void vmx_take_traps(struct vmx_vcpu *vcpu);

/* An event's delivery was cut short by an exit: takes it up for re-injection. */
void vmx_keep_revectored(struct vmx_vcpu *vcpu, u32 info);

/* The same after an exit that may have done so. True: it has. */
static ALWAYS_INLINE bool vmx_take_revectored(struct vmx_vcpu *vcpu)
{
	u32 info = vmcs_read32(VMCS_IDT_VECTORING_INFO);

	if (likely((info & INTERRUPTION_VALID) == 0))
		return false;
	vmx_keep_revectored(vcpu, info);
	return true;
}

/* What the APIC has to offer at this entry: asks for a vector only when it can be delivered. */
enum vmx_injection {
	INJECTED_NOTHING, /* nothing pending, or a window was opened */
	INJECTED_FAULT,
	INJECTED_NMI,
	INJECTED_INTERRUPT, /* the vector given was taken: move it from IRR to ISR */
};

/*
 * Prepares the entry with what the vCPU has pending; `vector` is the APIC's deliverable interrupt,
 * or negative. Tells what went in.
 */
MUST_USE enum vmx_injection vmx_inject(struct vmx_vcpu *vcpu, int vector);

/*
 * The usual case alone, of the events nothing but an interrupt being pending. First whether the
 * guest would take one now: no shadow, IF set. Then the vector itself.
 */
static ALWAYS_INLINE bool vmx_interrupt_blocked(void)
{
	return (vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_SHADOWS) != 0 ||
	       (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) == 0;
}

static ALWAYS_INLINE void vmx_write_interrupt(u8 vector)
{
	vmcs_write32(VMCS_ENTRY_INTERRUPTION_INFO,
	             vector | INTERRUPTION_EXTERNAL | INTERRUPTION_VALID);
}

/* The interrupt and NMI windows: exits when the guest can take one. */
void vmx_windows_closed(struct vmx_vcpu *vcpu);

#endif
