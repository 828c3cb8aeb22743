/* SPDX-License-Identifier: MIT */
/*
 * Ring-3 address spaces (hv/abi/process.h): what a monitor or root finds mapped, and nothing else.
 * Memory is the VM's (vm_alloc), so that it goes with the VM.
 */
#ifndef HV_USER_PROCESS_H
#define HV_USER_PROCESS_H

#include "hv/base/types.h"
#include "hv/kernel/vcpu/vcpu.h"

struct vm;

/* A file that the boot loader left in memory; contents untrusted. */
struct module {
	hpa_t start;
	u64 size;
};

/*
 * Gives `vm` an address space; loads page `i` of the program's process_pages() into it; makes vCPU
 * `i` a thread that begins at its entry. 0, SYS_ENOMEM or SYS_EMODULE; what was made so far is
 * vm_unbuild's to free. The program is checked by process_create, before the others.
 */
MUST_USE s64 process_create(struct vm *vm, const struct module *program);
u64 process_pages(const struct module *program);
MUST_USE s64 process_load(struct vm *vm, const struct module *program, u64 i);
MUST_USE s64 process_thread(struct vm *vm, const struct module *program, u64 i);

/* Maps frames of the VM or of a module; flags as pt_map. False: no memory. */
MUST_USE bool process_map(struct vm *vm, u64 va, hpa_t hpa, u64 len, u32 flags);

/* The counters of a vCPU of any VM's, in VM `vm`'s process where those of its VM begin at `va`: to
 * read. */
MUST_USE bool process_map_counters(struct vm *vm, u64 va, const struct vcpu *of);

#endif
