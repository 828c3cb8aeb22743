/* SPDX-License-Identifier: MIT */
/* What a core does next: the one place where what was done turns into what comes after. */
#ifndef HV_RUN_RUN_H
#define HV_RUN_RUN_H

#include "hv/base/types.h"
#include "hv/kernel/vcpu/vcpu.h"

/* Goes on with the core's current task; with NULL and AFTER_SWITCH none is. Ends in the guest or in
 * ring 3, and gives the stack up. */
NORETURN void run_on(struct task *task, enum after after);

#endif
