/* SPDX-License-Identifier: MIT */
/*
 * The kernel's address space, and how it reaches physical memory.
 *
 *   0x0000000000000000  the current process (ring 3)
 *   0xffff800000000000  direct map: all RAM, not executable; kernel text and rodata read-only in it
 *   0xffffc00000000000  stacks, each with an unmapped page under it
 *   0xffffd00000000000  device registers, uncached
 *   0xffffffff80000000  the kernel image, linked 1 MiB above, loaded at physical 1 MiB
 *
 * The host's unit tests define DIRECT_MAP to an arena of their own before they include this.
 */
#ifndef HV_BASE_MEMORY_H
#define HV_BASE_MEMORY_H

#include "hv/base/types.h"

#ifndef DIRECT_MAP
#define DIRECT_MAP 0xffff800000000000ull
#endif
#define STACK_AREA  0xffffc00000000000ull
#define DEVICE_AREA 0xffffd00000000000ull
#define KERNEL_BASE 0xffffffff80000000ull
#define USER_VA_END 0x0000800000000000ull

/*
 * RAM only, and only what the memory map calls RAM (types available, ACPI and NVS); device memory
 * wants map_device. Total: does not check.
 */
static ALWAYS_INLINE void *hpa_to_ptr(hpa_t hpa)
{
	return (void *)(uintptr_t)(DIRECT_MAP + hpa.raw);
}

/* ptr lies in the direct map; not for stacks, nor for the kernel image (see kernel_hpa). */
static ALWAYS_INLINE hpa_t ptr_to_hpa(const void *ptr)
{
	return HPA((u64)(uintptr_t)ptr - DIRECT_MAP);
}

/* The physical address of an object in the kernel image: .text, .rodata, .data, .bss. */
static ALWAYS_INLINE hpa_t kernel_hpa(const void *object)
{
	return HPA((u64)(uintptr_t)object - KERNEL_BASE);
}

#endif
