/* SPDX-License-Identifier: MIT */
/*
 * 4-level page tables (SDM 3A 4.5): a pure walker over tables that live in the direct map.
 *
 * `root` is the physical address of a PML4. Tables come from frame_alloc and are freed by
 * pt_destroy alone. No locks: one owner of a root at a time, or the caller's lock. Nothing here
 * touches the TLB: after unmapping or narrowing what a core may have cached, call pt_flush there,
 * or activates the root again (user mappings are not global, so that is enough).
 */
#ifndef HV_BASE_PAGING_H
#define HV_BASE_PAGING_H

#include "hv/base/types.h"

/* Readable always. W^X is enforced: PT_WRITE and PT_EXEC together are refused. */
enum pt_flags {
	PT_WRITE = 1 << 0,
	PT_EXEC = 1 << 1,
	PT_USER = 1 << 2,    /* ring 3 may; lower half only (the upper half's pages are global) */
	PT_DEVICE = 1 << 3,  /* uncached (PCD and PWT: PAT entry 3 is UC) */
	PT_COMBINE = 1 << 5, /* stores are combined (PWT: PAT entry 1 is WC): a screen */
	PT_SMALL = 1 << 4,   /* 4 KiB pages only, so that parts can be unmapped later */
};

/* The result of pt_translate. */
struct pt_mapping {
	hpa_t hpa; /* of the very byte asked for */
	u64 left;  /* bytes from it to the end of its page */
	u64 size;  /* of that page: 4 KiB, 2 MiB or 1 GiB */
	u32 flags; /* PT_WRITE, PT_EXEC, PT_USER, PT_DEVICE: all levels taken together */
};

/*
 * Maps [va, va + len) to hpa upwards, with the largest pages that alignment allows. va, hpa, len
 * are multiples of 4 KiB. False, with nothing mapped that was not before: out of frames, part of it
 * mapped already, not canonical, misaligned, writable and executable, or PT_USER in the upper half.
 */
MUST_USE bool pt_map(hpa_t root, u64 va, hpa_t hpa, u64 len, u32 flags);

/*
 * Unmaps what is mapped of [va, va + len). False when misaligned, or when that range holds a part
 * of a large page only: then that page, and what follows, stays. The frames themselves are the
 * caller's.
 */
MUST_USE bool pt_unmap(hpa_t root, u64 va, u64 len);

/* Translates va; false when it is not mapped, with *out untouched. */
MUST_USE bool pt_translate(hpa_t root, u64 va, struct pt_mapping *out);

/* Boot: makes the PML4 entry for va, so that roots created later share what is mapped below it. */
MUST_USE bool pt_share(hpa_t root, u64 va);

/* A root with an empty low half, sharing the upper half of `kernel_page_table`; raw 0: out of
 * frames. */
MUST_USE hpa_t pt_create(hpa_t kernel_page_table);

/*
 * Frees a root made by pt_create and the tables of its low half, not what they mapped: as many as
 * `budget` says, counted down. False: the root and some tables are left.
 */
MUST_USE bool pt_destroy(hpa_t root, unsigned int *budget);

/* Whether 1 GiB pages may be used; false until boot has looked at CPUID 0x80000001. */
void pt_allow_1g(bool allowed);

#endif
