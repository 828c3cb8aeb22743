/* SPDX-License-Identifier: MIT */
/*
 * Injects events into the guest (SDM 3C 25.8.3, 27.6), one at each entry, by priority: a delivery
 * that an exit cut short, a fault, an NMI, an interrupt. An event that is blocked now opens a
 * window: the guest exits as soon as it can take it. All functions act on the current VMCS, on the
 * owner's core.
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

/* Has a fault injected at the instruction that exited; RIP stays. `error` counts if it has one. */
void vmx_inject_fault(struct vmx_vcpu *vcpu, enum exception_vector vector, u32 error);

/* Injects #DB, after updating DR6 and DR7. `causes` are bits as in exit qualifications. */
void vmx_inject_debug(struct vmx_vcpu *vcpu, u64 causes);

/*
 * Completes an instruction that exited and behind which RIP has been moved (PENDING_RETIRE): cuts
 * RIP to 32 bits outside 64-bit mode, ends shadows, clears RF, and takes up debug traps: that of a
 * single step, and what MOV SS has held back. vmx_inject begins with it; call it to know earlier
 * whether there is a trap (PENDING_EXCEPTION then).
 */
void vmx_retire(struct vmx_vcpu *vcpu);

/*
 * Takes up the debug traps that an exit behind an instruction leaves pending in the VMCS (SDM 3C
 * 28.3.4). They come before NMIs and interrupts, and an entry that injects one of those would
 * drop them (27.7.3).
 */
void vmx_take_traps(struct vmx_vcpu *vcpu);

/* Takes up for re-injection an event whose delivery an exit has interrupted, as `info` says. */
void vmx_keep_revectored(struct vmx_vcpu *vcpu, u32 info);

/* Does so after an exit that may have interrupted one. Returns whether it has. */
static ALWAYS_INLINE bool vmx_take_revectored(struct vmx_vcpu *vcpu)
{
	u32 info = vmcs_read32(VMCS_IDT_VECTORING_INFO);

	if (likely((info & INTERRUPTION_VALID) == 0))
		return false;
	vmx_keep_revectored(vcpu, info);
	return true;
}

/* The event that vmx_inject has put into an entry. */
enum vmx_injection {
	INJECTED_NOTHING, /* nothing pending, or a window was opened */
	INJECTED_FAULT,
	INJECTED_NMI,
	INJECTED_INTERRUPT, /* the vector given was taken: move it from IRR to ISR */
};

/*
 * Prepares the entry with what the vCPU has pending; `vector` is the APIC's deliverable interrupt,
 * or negative. Returns what went in.
 */
MUST_USE enum vmx_injection vmx_inject(struct vmx_vcpu *vcpu, int vector);

/*
 * For the fast path, when no event but an interrupt is pending. vmx_interrupt_blocked tells whether
 * the guest would not take one now (a shadow, or IF clear); vmx_write_interrupt injects the vector.
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

/* Closes the interrupt and NMI windows, by which the guest exits when it can take an event. */
void vmx_windows_closed(struct vmx_vcpu *vcpu);

#endif
