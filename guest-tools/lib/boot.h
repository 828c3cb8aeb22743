/* SPDX-License-Identifier: MIT */
/*
 * The loader's information in one form for Multiboot 1, Multiboot 2 and PVH. Filled before
 * guest_main; constant afterwards. Strings are copies: the loader's memory may be reused.
 */
#ifndef GUEST_BOOT_H
#define GUEST_BOOT_H

#include "hv/base/types.h"

#define COMMAND_LINE_MAX 512

struct boot_info {
	const char *loader;                  /* "multiboot1", "multiboot2", "pvh", "unknown" */
	char command_line[COMMAND_LINE_MAX]; /* as given, the image's name included if it was */
	u64 rsdp;       /* physical address of the ACPI root pointer, 0 = not told */
	u64 memory_top; /* end of the RAM that starts at 1 MiB, 0 = not told */
};

extern struct boot_info boot_info;

#endif
