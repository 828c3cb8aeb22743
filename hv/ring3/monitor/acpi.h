/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables that a guest scans for (ACPI 6.4, chapter 5): RSDP, RSDT and XSDT with
 * the same tables, FADT of a hardware-reduced machine, MADT with a local APIC for each vCPU and one
 * IOAPIC, DSDT. Pure.
 */
#ifndef HV_MONITOR_ACPI_H
#define HV_MONITOR_ACPI_H

#include "hv/abi/acpi.h"
#include "hv/ring3/monitor/writer.h"

#define ACPI_SIZE 0x4000u /* room that the tables of MAX_VCPUS vCPUs fit into */

/* Ports that the FADT names; hv/ring3/monitor/power.c and pmtimer.c answer there. */
#define ACPI_PORT_SLEEP_CONTROL 0x600u
#define ACPI_PORT_SLEEP_STATUS  0x601u
#define ACPI_PORT_PM_TIMER      0x608u
#define ACPI_PORT_RESET         0xcf9u
#define ACPI_RESET_VALUE        0x06u
#define ACPI_SLEEP_ENABLE       0x20u
#define ACPI_SLEEP_TYPE(value)  (((value) >> 2) & 7u)
#define ACPI_S5                 5u

/*
 * Writes the tables, RSDP first, for vCPUs with the APIC IDs 0..vcpus-1. Returns the RSDP's gpa,
 * 16-byte aligned, or 0 when they do not fit.
 */
MUST_USE u64 acpi_build(struct writer *w, u32 vcpus);

/* The MADT alone. */
u64 acpi_build_madt(struct writer *w, u32 vcpus);

/* The header of all tables but the RSDP, and its completion once the length is known. */
struct acpi_header acpi_header(const char *signature, u8 revision, u64 length);

/* Sets the byte that makes all n sum up to 0. */
void acpi_checksum(u8 *table, u64 n, u8 *checksum);

/* dsdt.asl, compiled. */
extern const u8 acpi_dsdt[];
extern const u32 acpi_dsdt_size;

#endif
