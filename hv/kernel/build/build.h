/* SPDX-License-Identifier: MIT */
/* VMs come and go: made out of a checked configuration, step by step, and unmade. Root's core. */
#ifndef HV_BUILD_BUILD_H
#define HV_BUILD_BUILD_H

#include "hv/kernel/vm/vm.h"

/* ---- create.c ---- */

/* Makes a VM of a configuration that root handed in: its id, or SYS_E*. SYS_AGAIN: a piece of the
 * work is done; the call is to be repeated, and goes on with the configuration it began with. */
MUST_USE s64 vm_create(const struct vm_config *config);

MUST_USE s64 vm_start(struct vm *vm);

/* Frees what does not run; ROOT_EVENT_VM_GONE follows. SYS_AGAIN: as vm_create. */
MUST_USE s64 vm_destroy(struct vm *vm);

/* ---- vm_build.c ---- */

/*
 * Does some of the work, at most 15,000 ticks of it; vm->progress, which starts as all zero, says
 * how far it has come. SYS_AGAIN: there is more. 0, or SYS_ENOMEM, SYS_EMODULE, SYS_ENOENT: then
 * vm_unbuild frees what was made.
 */
MUST_USE s64 vm_build(struct vm *vm);

/* Frees everything of a VM that no core runs, some at a time. SYS_AGAIN, or 0: its slot is empty.
 */
MUST_USE s64 vm_unbuild(struct vm *vm);

/* ---- stages that vm_build.c runs: 0, or SYS_ENOMEM ---- */

/* The CPUID table by the VM's configuration, and the width of its physical addresses. */
MUST_USE s64 vm_make_cpuid(struct vm *vm, u64 i);

/* The bus, before any APIC. */
MUST_USE s64 vm_make_bus(struct vm *vm, u64 i);

/* vCPU `i`, with all that belongs to it. The bus is there. */
MUST_USE s64 vm_make_vcpu(struct vm *vm, u64 i);

/* ---- vm_vcpu.c ---- */

/* On its own core, before the first entry: the VMCS. It is current afterwards. */
void vm_prepare_vcpu(struct vcpu *vcpu);

#endif
