/* SPDX-License-Identifier: MIT */
/* The one thing that the bottom layer asks of those above it (hv/kernel/cpu/crash.c). */
#ifndef HV_BASE_PANIC_H
#define HV_BASE_PANIC_H

#include "hv/base/types.h"

/*
 * A condition of our own making that the kernel cannot go on from (never a guest's or a process's
 * doing): says what, then reports as a crash. Anywhere in ring 0, on any stack, under any lock.
 */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
