/* SPDX-License-Identifier: MIT */
/*
 * Root: the one task that serves no guest. Its process sees the machine and each VM, and its calls
 * make and end VMs. Root's core.
 */
#ifndef HV_USER_ROOT_H
#define HV_USER_ROOT_H

#include "hv/kernel/vm/process.h"
#include "vmx/vcpu.h"

struct vm;

extern struct task root_task;

/* Boot: loads the program, and lets it run on core 0. 0, or SYS_E*. */
MUST_USE s64 root_create(const struct module *program);

/* Does what root has to do, until it runs in ring 3 or gives up its core. */
MUST_USE enum after root_run(void);

/* SYS_WAIT: waits for an event, and so many ticks at most; 0: without end. 1: there is one. */
s64 root_wait(u64 ticks);

/* Root has ended. Nobody makes VMs from here on. */
void root_end(enum vm_end why, u64 value);

/* The console of a VM, and the counters of each vCPU, appear in root's address space and vanish. */
MUST_USE bool root_map_console(const struct vm *vm);
MUST_USE bool root_map_counters(const struct vm *vm, u32 vcpu);
void root_unmap_console(const struct vm *vm);
void root_unmap_counters(const struct vm *vm, u64 vcpu);

#endif
