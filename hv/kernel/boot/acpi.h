/* SPDX-License-Identifier: MIT */
/*
 * What boot wants from ACPI (specification 6.4, chapter 5): which cores and IOAPICs there are,
 * where the PM timer is. Pure: reads through the direct map only.
 */
#ifndef HV_BOOT_ACPI_H
#define HV_BOOT_ACPI_H

#include "hv/base/types.h"

#define ACPI_CORES_MAX   512u
#define ACPI_IOAPICS_MAX 32u

struct acpi_info {
	u32 core_count; /* enabled ones; those beyond the array are counted in core_excess */
	u32 core_excess;
	u32 apic_ids[ACPI_CORES_MAX];  /* each once, in the table's order */
	u32 ioapic_count;              /* those beyond the array are left out */
	u32 ioapics[ACPI_IOAPICS_MAX]; /* physical addresses of their registers */
	u16 pm_timer_port;             /* 0: none */
	bool hw_reduced;               /* no PM timer, no legacy devices */
};

/*
 * Follows an RSDP of rsdp_size (20 or 36) bytes. Tables must lie below `limit`, be whole, and have
 * a right checksum; one that is not is passed over. Returns NULL, or in words why there is
 * nothing; *info is valid either way, with what was found.
 */
MUST_USE const char *acpi_parse(const u8 *rsdp, u32 rsdp_size, u64 limit, struct acpi_info *info);

#endif
