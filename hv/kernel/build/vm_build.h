/* SPDX-License-Identifier: MIT */
/*
 * The making of a VM out of a checked configuration, step by step, and its undoing. Root's core.
 */
#ifndef HV_BUILD_VM_BUILD_H
#define HV_BUILD_VM_BUILD_H

#include "hv/kernel/vm/process.h"
#include "hv/kernel/vm/vm.h"

/*
 * Does some of the work, at most 15,000 ticks of it; vm->progress, which starts as all zero, says
 * how far it has come. SYS_AGAIN: there is more. 0, or SYS_ENOMEM, SYS_EMODULE, SYS_ENOENT: then
 * vm_unbuild frees what was made.
 */
MUST_USE s64 vm_build(struct vm *vm);

/* Frees everything of a VM that no core runs, some at a time. SYS_AGAIN, or 0: its slot is empty.
 */
MUST_USE s64 vm_unbuild(struct vm *vm);

#endif
