/* SPDX-License-Identifier: MIT */
/* Boot: physical memory, from the loader's map to the frame allocator. First core only. */
#ifndef HV_BOOT_MEMORY_H
#define HV_BOOT_MEMORY_H

#include "hv/kernel/boot/boot_info.h"

/*
 * Starts the frame allocator with the RAM of the map, less all that is in use. Runs on the boot
 * tables: its bitmap lies below 4 GiB. Panics when there is no place for it.
 */
void memory_init(const struct boot_info *info);

/*
 * Walks the memory that the direct map covers: RAM, ACPI and NVS, in whole pages, ascending,
 * adjoining and overlapping regions merged. Finds the first range that ends above *start (a
 * multiple of the page size), cut to begin there; false: no more.
 */
MUST_USE bool memory_next(const struct boot_info *info, hpa_t *start, hpa_t *end);

/* A page of RAM below 640 KiB that nothing uses, for the trampoline; raw 0: none. */
MUST_USE hpa_t memory_low_page(const struct boot_info *info);

#endif
