/* SPDX-License-Identifier: MIT */
/* The boot loader's information, taken apart (Multiboot2 specification 2.0, section 3.6). Pure. */
#ifndef HV_BOOT_MULTIBOOT2_H
#define HV_BOOT_MULTIBOOT2_H

#include "hv/kernel/boot/boot_info.h"

#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u

/*
 * Fills *info from the structure at mbi; every length in it is checked against the lengths around
 * it. Returns NULL, or in words what is wrong with it. Nothing of mbi is needed afterwards.
 */
MUST_USE const char *multiboot2_parse(const void *mbi, struct boot_info *info);

#endif
