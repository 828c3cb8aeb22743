/* SPDX-License-Identifier: MIT */
/* The vCPUs of a VM that is being made, and the bus of their APICs. */
#ifndef HV_BUILD_VM_VCPU_H
#define HV_BUILD_VM_VCPU_H

#include "hv/kernel/vm/vm.h"

/* vCPU `index`, with all that belongs to it. The bus is there. False: no memory. */
MUST_USE bool vm_make_vcpu(struct vm *vm, u32 index);

/* The bus, before any APIC. False: no memory. */
MUST_USE bool vm_make_bus(struct vm *vm);

/* On its own core, before the first entry: the VMCS. It is current afterwards. */
void vm_prepare_vcpu(struct vcpu *vcpu);

#endif
