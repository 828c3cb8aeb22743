/* SPDX-License-Identifier: MIT */
/*
 * The making of a VM out of a checked configuration, step by step, and its undoing. Root's core.
 */
#ifndef HV_VM_VM_BUILD_H
#define HV_VM_VM_BUILD_H

#include "hv/kernel/user/process.h"
#include "hv/kernel/vm/vm.h"

/* 0, or SYS_ENOMEM, SYS_EMODULE: then vm_unbuild frees what was made. */
MUST_USE s64 vm_build(struct vm *vm);
MUST_USE s64 vm_build_host(struct vm *vm, const struct module *program);

/* A tree of the VM's memory and counters, with the APIC-access page or a hole in its place. */
MUST_USE bool vm_build_ept(struct vm *vm, struct ept *ept, bool apic_page);

/* Frees everything of a VM that no core runs; the slot is empty then. */
void vm_unbuild(struct vm *vm);

/* On its own core, before the first entry: the VMCS. It is current afterwards. */
void vm_prepare_vcpu(struct vcpu *vcpu);

#endif
