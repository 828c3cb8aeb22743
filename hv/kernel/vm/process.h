/* SPDX-License-Identifier: MIT */
/*
 * Ring-3 address spaces (hv/abi/process.h): what a monitor or root finds mapped, and nothing else.
 * Memory is the process's arena's.
 */
#ifndef HV_VM_PROCESS_H
#define HV_VM_PROCESS_H

#include "hv/base/types.h"
#include "hv/abi/syscall.h"
#include "hv/base/memory.h"
#include "hv/kernel/sched/task.h"
#include "hv/kernel/vm/arena.h"

/* A file that the boot loader left in memory; contents untrusted. */
struct module {
	hpa_t start;
	u64 size;
};

struct process {
	hpa_t tables; /* page tables */
	bool ports;   /* may use the serial ports */
	u32 denied;   /* root was told of a system call refused; atomic */
	struct arena arena;
};

/*
 * Gives a process an address space; loads page `i` of the program's process_pages() into it; makes
 * vCPU `i` a thread that begins at its entry. 0, SYS_ENOMEM or SYS_EMODULE; what was made so far is
 * vm_unbuild's to free. The program is checked by process_create, before the others.
 */
MUST_USE s64 process_create(struct process *process, const struct module *program);
u64 process_pages(const struct module *program);
MUST_USE s64 process_load(struct process *process, const struct module *program, u64 i);
MUST_USE s64 process_thread(struct process *process, const struct module *program, u64 i,
                            struct thread *thread);

/* What ring 0 knows of any process. */
void process_fill_info(struct process_info *info, u32 vm, const struct vm_config *config);

/* Maps frames of the VM or of a module; flags as pt_map. False: no memory. */
MUST_USE bool process_map(struct process *process, u64 va, hpa_t hpa, u64 len, u32 flags);

/* Maps counters to read. */
static inline bool process_map_counters(struct process *process, u64 va,
                                        const struct vcpu_counters *counters)
{
	return process_map(process, va, ptr_to_hpa(counters), COUNTERS_STRIDE, 0);
}

#endif
