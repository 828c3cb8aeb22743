/* SPDX-License-Identifier: MIT */
/* The sizes that ring 0, ring 3 and guests agree on. */
#ifndef HV_ABI_LIMITS_H
#define HV_ABI_LIMITS_H

/* VM 0 is the host side: root's program and what the hypervisor does for nobody in particular. */
#define MAX_VMS         16u
#define ROOT_VM         0u
#define MAX_CORES       64u
#define MAX_VCPUS       256u  /* of one VM */
#define VM_NAME_LEN     16u   /* with its terminating NUL */
#define ARGS_LEN        1024u /* a module's string, with its terminating NUL */
#define MAX_MODULES     64u
#define VM_MODULES      4u   /* files that a VM gets besides its image */
#define MODULE_ARGS_LEN 256u /* with its terminating NUL */

#define VM_MEMORY_STEP 0x200000ull   /* of a VM's memory: 2 MiB */
#define VM_MEMORY_MAX  0xc0000000ull /* devices, APICs and counters lie above */

#endif
