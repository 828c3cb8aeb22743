/* SPDX-License-Identifier: MIT */
/* The head of every ACPI table: ring 0 reads it at boot, the monitor writes it for its guest. */
#ifndef HV_ABI_ACPI_H
#define HV_ABI_ACPI_H

#include "hv/base/types.h"

/* System description table header: ACPI 6.4, table 5.4. */
struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision;
	char creator[4];
	u32 creator_revision;
} PACKED;
static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.4 table 5.4");

/* Root system description pointer: ACPI 6.4, table 5.3. */
#define ACPI_RSDP_SIZE 36u
struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 checksum_all;
	u8 reserved[3];
} PACKED;
static_assert(sizeof(struct acpi_rsdp) == ACPI_RSDP_SIZE, "ACPI 6.4 table 5.3");

#endif
