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
 * What XCR0 a guest may at most have on this machine, and the XSAVE area's size for it, in bytes.
 * Each core, once, with CR4.OSXSAVE set. Without XSAVE both are 0: FXSAVE's 512 bytes then.
 */
u64 vmx_xcr0_allowed(void);
u32 vmx_xsave_size(void);

/* The state after reset; `xsave` is zeroed and large enough. */
void vmx_state_reset(struct vmx_guest_state *state);

/* INIT: the debug registers and CR2 of the guest whose state the core holds. */
void vmx_state_init(void);

/* Copies the core's state out; loads another. Interrupts off. */
void vmx_state_save(struct vmx_guest_state *state);
void vmx_state_load(const struct vmx_guest_state *state);

/* The guest's XCR0, which the core holds; 0 without XSAVE. */
u64 vmx_xcr0(void);

/* The guest executes XSETBV with this value: false means #GP (SDM 2A, XSETBV). */
MUST_USE bool vmx_xcr0_valid(u64 value);

#endif
