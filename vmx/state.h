/* SPDX-License-Identifier: MIT */
/*
 * The part of the processor's state that guest and vCPU own although no VMCS field holds it: FPU
 * and vector registers, XCR0, debug registers, CR2, and the MSRs of SYSCALL. The hypervisor and
 * ring 3 use none of it, so an exit leaves it in place; only a change of vCPU on a core moves it.
 */
#ifndef VMX_STATE_H
#define VMX_STATE_H

#include "hv/base/types.h"

struct vmx_guest_state;

/*
 * Return the largest XCR0 for a guest on this machine, and the bytes of its XSAVE area. Each core
 * calls them once, with CR4.OSXSAVE set. Both are 0 without XSAVE: FXSAVE's 512 bytes serve then.
 */
u64 vmx_xcr0_allowed(void);
u32 vmx_xsave_size(void);

/* Sets the state after reset; `xsave` is zeroed and large enough. */
void vmx_state_reset(struct vmx_guest_state *state);

/* Does INIT's part: resets debug registers and CR2 of the guest whose state the core holds. */
void vmx_state_init(void);

/* Copy the core's state out, and load another. Interrupts are off. */
void vmx_state_save(struct vmx_guest_state *state);
void vmx_state_load(const struct vmx_guest_state *state);

/* Returns the guest's XCR0, which the core holds; 0 without XSAVE. */
u64 vmx_xcr0(void);

/* Whether the guest may load this value by XSETBV; false: #GP (SDM 2A, XSETBV). */
MUST_USE bool vmx_xcr0_valid(u64 value);

#endif
