/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader told us (Multiboot2, section 3.6), copied out of its memory and checked.
 *
 * Constant once multiboot2_parse has returned; valid for good. Everything in it is the loader's
 * word: modules' contents are untrusted, their ranges are known to lie in RAM and to be reserved.
 */
#ifndef HV_BOOT_BOOT_INFO_H
#define HV_BOOT_BOOT_INFO_H

#include "hv/abi/screen.h"
#include "hv/base/types.h"

#define BOOT_MODULES_MAX 64u
#define BOOT_REGIONS_MAX 128u
#define BOOT_TEXT_MAX    8192u

/* A file that the loader placed in memory. Page-aligned start. */
struct boot_module {
	hpa_t start;
	hpa_t end;        /* the byte after it; not aligned */
	const char *text; /* the words after the file name in grub.cfg, 0-terminated */
};

/* Memory types of the map (Multiboot2 3.6.8, the same as ACPI 15.1). */
enum boot_region_type {
	BOOT_REGION_RAM = 1,
	BOOT_REGION_RESERVED = 2,
	BOOT_REGION_ACPI = 3,
	BOOT_REGION_NVS = 4,
	BOOT_REGION_BAD = 5,
};

struct boot_region {
	hpa_t start;
	hpa_t end;
	u32 type;
};

struct boot_info {
	const char *cmdline; /* "" when there is none */
	u32 module_count;
	u32 region_count;
	struct boot_module modules[BOOT_MODULES_MAX];
	struct boot_region regions[BOOT_REGIONS_MAX];
	u8 rsdp[36];   /* copy of the RSDP: 20 bytes count in version 1 */
	u32 rsdp_size; /* 0: none, 20 or 36 */
	struct screen screen;

	hpa_t symtab;    /* ELF64 symbols of the kernel; raw 0: not loaded */
	u64 symtab_size; /* in bytes */
	hpa_t strtab;
	u64 strtab_size;

	u32 text_used; /* the strings above live in text[] */
	char text[BOOT_TEXT_MAX];
};

/*
 * Copies the words at `key` (as in "console=") up to the next space out of a command line, cut at
 * size - 1; false when the key is not there.
 */
MUST_USE bool boot_option(const char *cmdline, const char *key, char *out, size_t size);

#endif
