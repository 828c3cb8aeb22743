/* SPDX-License-Identifier: MIT */
/* VMs come and go. Root's core. */
#ifndef HV_BUILD_CREATE_H
#define HV_BUILD_CREATE_H

#include "hv/kernel/vm/vm.h"

/* Makes a VM of a configuration that root handed in: its id, or SYS_E*. SYS_AGAIN: a piece of the
 * work is done; the call is to be repeated, and goes on with the configuration it began with. */
MUST_USE s64 vm_create(const struct vm_config *config);

MUST_USE s64 vm_start(struct vm *vm);

/* Frees what does not run; EVENT_VM_GONE follows. SYS_AGAIN: as vm_create. */
MUST_USE s64 vm_destroy(struct vm *vm);

#endif
