/* SPDX-License-Identifier: MIT */
/* Bounds of the kernel image's parts (hv/kernel/kernel.ld); page-aligned, in this order. */
#ifndef HV_BASE_IMAGE_H
#define HV_BASE_IMAGE_H

#include "hv/base/types.h"

extern const u8 kernel_text[];       /* execute and read */
extern const u8 kernel_text_end[];   /* read only, up to */
extern const u8 kernel_rodata_end[]; /* read and write, up to */
extern const u8 kernel_end[];

extern u8 boot_stack[]; /* that the first core boots on, STACK_SIZE long (start.asm) */

#endif
