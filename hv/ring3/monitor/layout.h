/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a guest's physical address space, and the map of it that guests are given.
 *
 *   0            memory; one page of it holds the boot information (bootinfo.h); BIOS data area
 *   0x9fc00      extended BIOS data area; from 0xa0000 on reserved as on any PC; ACPI tables from
 *                0xe0000 on, an MP table at 0xf0000, where guests scan for them; from 0xfff00 on
 *                what a BIOS has there: code that knows no service, code that resets the machine
 *   0x100000     memory up to the VM's size; the initrd lies behind the image
 *   0xfe000000   counters, read-only, for VMs with counters=on (hv/abi/hypercall.h)
 *   0xfec00000   IOAPIC
 *   0xfee00000   local APIC, ring 0's
 */
#ifndef HV_MONITOR_LAYOUT_H
#define HV_MONITOR_LAYOUT_H

#include "hv/base/types.h"

#define LAYOUT_LOW_END    0x9fc00ull
#define LAYOUT_ACPI       0xe0000ull
#define LAYOUT_MP         0xf0000ull
#define LAYOUT_NO_SERVICE 0xfff00ull
#define LAYOUT_RESET      0xffff0ull
#define LAYOUT_HIGH       0x100000ull
#define LAYOUT_IOAPIC     0xfec00000ull
#define LAYOUT_LAPIC      0xfee00000ull
#define LAYOUT_MEMORY_MIN 0x200000ull

/* As BIOS, Multiboot and PVH number them. */
enum memory_type { MEMORY_RAM = 1, MEMORY_RESERVED = 2 };

struct memory_range {
	u64 gpa, size;
	u32 type;
};

#define LAYOUT_RANGES 6u

/* Fills ranges in ascending order, for a VM of that many bytes. */
void layout_map(u64 memory, struct memory_range ranges[LAYOUT_RANGES]);

#endif
