/* SPDX-License-Identifier: MIT */
/* What a VM's guest finds of the processor: CPUID leaves, and the MSRs that do not exit. */
#ifndef HV_BUILD_VM_CPUID_H
#define HV_BUILD_VM_CPUID_H

#include "hv/kernel/vm/vm.h"

/* The CPUID table by the VM's configuration, and the width of its physical addresses. */
void vm_make_cpuid(struct vm *vm);

/* The MSR bitmap of trapped mode. False: no memory. */
MUST_USE bool vm_make_msr_bitmap(struct vm *vm);

#endif
