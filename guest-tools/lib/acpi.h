/* SPDX-License-Identifier: MIT */
/*
 * The one ACPI table a guest image needs: the MADT's list of processors. ACPI 6.4, 5.2.5, 5.2.12.
 */
#ifndef GUEST_ACPI_H
#define GUEST_ACPI_H

#include "hv/base/types.h"

/* The root pointer by scanning the BIOS area, 0 = none found. */
u64 acpi_scan_rsdp(void);

/* Stores the APIC IDs of at most max enabled processors; returns how many, 0 = no table. */
u32 acpi_cpu_ids(u64 rsdp, u32 *ids, u32 max);

#endif
