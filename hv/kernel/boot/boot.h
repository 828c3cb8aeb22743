/* SPDX-License-Identifier: MIT */
/* Where boot ends and the microkernel begins; both functions are the microkernel's. */
#ifndef HV_BOOT_BOOT_H
#define HV_BOOT_BOOT_H

#include "hv/kernel/boot/boot_info.h"

/*
 * On the first core, on its own stack, interrupts off, when every core is online. `info` stays.
 */
NORETURN void hv_main(const struct boot_info *info);

/*
 * On every other core, likewise. These run at the same time as hv_main: who needs something that
 * hv_main prepares waits for it.
 */
NORETURN void hv_core_main(void);

#endif
