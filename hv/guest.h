/* SPDX-License-Identifier: MIT */
/*
 * Exits that need the guest's instruction or memory: MMIO (to the APIC here, to the monitor else),
 * ports. All on the current vCPU, its VMCS loaded.
 */
#ifndef HV_GUEST_H
#define HV_GUEST_H

#include "hv/base/types.h"
#include "hv/vcpu.h"

/* An access to guest-physical memory that is not there. False: the VM was ended. */
void guest_mmio(struct vcpu *vcpu, u64 gpa);

/* A port access; RIP is moved when the monitor has answered. */
void guest_io(struct vcpu *vcpu);

/* INS or OUTS: the exit, and what follows the monitor's answer. */
void guest_string_io(struct vcpu *vcpu, u64 qualification);
void guest_finish_string_io(struct vcpu *vcpu, u64 value);

/* What a walk of the guest's page tables depends on now. */
struct walk_state guest_walk_state(const struct vcpu *vcpu);

/* The monitor's answer to the access at hand: registers, RIP. */
void guest_finish_access(struct vcpu *vcpu, u64 value);

/*
 * The guest-physical address range [gpa, gpa + len) as host memory; NULL where it is not all RAM.
 * The one place where an address from a guest becomes a pointer.
 */
void *guest_pointer(const struct vcpu *vcpu, u64 gpa, u64 len);

#endif
