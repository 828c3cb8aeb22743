/* SPDX-License-Identifier: MIT */
/* Root's view: what its address space holds of the machine and of each VM. Root's core. */
#ifndef HV_USER_ROOT_H
#define HV_USER_ROOT_H

#include "hv/kernel/user/process.h"

/* The part of struct process_info that ring 0 knows of any VM. */
void root_fill_info(struct process_info *info, const struct vm *vm);

/* Root's own pages, at boot. False: no memory. */
MUST_USE bool root_map_host(struct vm *host);

/* The console of a VM, and the counters of each vCPU, appear in root's address space and vanish. */
MUST_USE bool root_map_console(struct vm *vm);
MUST_USE bool root_map_counters(const struct vcpu *vcpu);
void root_unmap_console(const struct vm *vm);
void root_unmap_counters(const struct vm *vm, u64 vcpu);

#endif
