/* SPDX-License-Identifier: MIT */
/*
 * Extended page tables (SDM 3C 29.3): guest-physical to host-physical, 4 levels, pages of 4 KiB,
 * 2 MiB and 1 GiB. One tree for each VM, built before its first entry; ring 0 alone writes it.
 *
 * No locks: boot, or the syscall that creates or destroys the VM. After a change to a live tree
 * each core that runs the VM calls vmx_flush_ept.
 */
#ifndef VMX_EPT_H
#define VMX_EPT_H

#include "hv/base/types.h"
#include "vmx/controls.h"

struct ept {
	hpa_t root;           /* raw 0: none */
	unsigned int largest; /* level of the largest pages */
};

/* An empty tree; false: no frame left. */
MUST_USE bool ept_create(struct ept *ept, bool has_2m, bool has_1g);

/*
 * Maps [gpa, gpa + len) to hpa upwards as write-back memory. All three are multiples of 4 KiB.
 * False: out of frames, or part of it is mapped; the tree then still is ept_destroy's to free.
 * rights: EPT_READ, and EPT_WRITE, EPT_EXECUTE or not.
 */
MUST_USE bool ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, u64 len, u64 rights);

/* Frees the tables, not what they map: as many as `budget` says, counted down. False: more are
 * left. */
MUST_USE bool ept_destroy(struct ept *ept, unsigned int *budget);

#endif
