/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own address space, and the TLB of this core.
 *
 * The upper half is complete before the second core starts: later map_device calls add to tables
 * that every root shares, and nothing in the upper half is ever unmapped.
 */
#ifndef HV_CPU_MMU_H
#define HV_CPU_MMU_H

#include "hv/base/paging.h"

/* The root with an empty low half: in use when no process is. Constant after boot. */
hpa_t kernel_page_table(void);

/* Loads CR3, which also drops this core's TLB entries of the lower half. */
void pt_activate(hpa_t root);

/* Drops this core's TLB entries for [va, va + len). */
void pt_flush(u64 va, u64 len);

/*
 * Maps device memory, not executable, for good; any alignment. `caching`: PT_DEVICE or PT_COMBINE.
 * Panics when there is no memory left. Boot, or under the caller's lock.
 */
void *map_device(hpa_t hpa, u64 len, u32 caching);

struct boot_info;

/* Boot: builds the kernel's tables (W^X throughout) and activates them. Panics on failure. */
void mmu_init(const struct boot_info *info);

/* Boot: a stack of STACK_SIZE with a guard page; returns its end. Panics on failure. */
u64 stack_create(void);

/*
 * Boot: a GDT at the end of a page, and nothing mapped behind it as far as a selector reaches. For
 * a VM exit sets the limit to 64 KiB (SDM 3C 28.5.2), and ring 3 may then name any selector: what
 * lies behind the GDT would be taken for descriptors, call gates among them; so it is a page fault.
 */
u64 *gdt_create(u32 entries);

#endif
