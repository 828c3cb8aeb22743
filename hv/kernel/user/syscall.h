/* SPDX-License-Identifier: MIT */
/* System calls: hv/abi/syscall.h says what there is. */
#ifndef HV_USER_SYSCALL_H
#define HV_USER_SYSCALL_H

#include "hv/abi/syscall.h"
#include "hv/kernel/vcpu/vcpu.h"

/* Root's SYS_WAIT is over: by time, or since there is an event. Root's core. */
void syscall_end_wait(struct vcpu *root);

#endif
