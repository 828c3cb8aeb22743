/* SPDX-License-Identifier: MIT */
/*
 * What a PC's firmware leaves in memory below 1 MiB besides ACPI's tables: the BIOS data area, the
 * head of the extended one, and an Intel MultiProcessor table for kernels that read no ACPI. Pure.
 */
#ifndef HV_MONITOR_FIRMWARE_H
#define HV_MONITOR_FIRMWARE_H

#include "hv/ring3/monitor/writer.h"

/*
 * The memory is there; an image that is loaded afterwards may cover what this writes. The BIOS has
 * no services: each real-mode vector leads to code that says "not supported" (CF set, AH = 0x86).
 */
void firmware_put_data_area(const struct guest_memory *memory);

/*
 * Floating pointer, then the table (MultiProcessor Specification 1.4, chapter 4), for APIC IDs up
 * to 254. False: no room.
 */
#define FIRMWARE_MP_SIZE 0x2000u
MUST_USE bool firmware_put_mp_table(struct writer *w, u32 vcpus);

#endif
