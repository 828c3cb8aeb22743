/* SPDX-License-Identifier: MIT */
/*
 * Extended page tables (SDM 3C 29.3): guest-physical to host-physical, 4 levels, pages of 4 KiB,
 * 2 MiB and 1 GiB. One tree for each VM, built before its first entry; ring 0 alone writes it.
 *
 * No locks: boot, or the syscall that creates or destroys the VM. After a change to a live tree
 * other than ept_execute's each core that runs the VM calls vmx_flush_ept.
 */
#ifndef VMX_EPT_H
#define VMX_EPT_H

#include "hv/base/types.h"
#include "vmx/controls.h"

struct ept {
	hpa_t root;           /* raw 0: none */
	unsigned int largest; /* level of the largest pages */
	hpa_t split;          /* of each 2 MiB from gpa 0: a frame for its table of 4 KiB pages */
	u64 splits;           /* how many of them; 0: large pages may be executed */
};

/*
 * Makes an empty tree. False: out of frames; ept_destroy frees what there is. largest: level of the
 * largest pages, 0 to 2. small_code: no large page is ever executable. On processors with the iTLB
 * multihit defect a guest could order a machine check by one (CVE-2018-12207). Of memory in
 * [0, small_code) a large page becomes 4 KiB ones when it is first executed (ept_execute); the
 * tables for that are taken here, so that it cannot fail later. 0: not needed.
 */
MUST_USE bool ept_create(struct ept *ept, unsigned int largest, u64 small_code);

/*
 * Maps [gpa, gpa + len) to hpa upwards as write-back memory, whatever the guest's PAT says. All
 * three are multiples of 4 KiB. False: out of frames, or part of it is mapped; call
 * ept_destroy then. rights: EPT_READ, and EPT_WRITE, EPT_EXECUTE or not.
 */
MUST_USE bool ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, u64 len, u64 rights);

/*
 * Makes gpa executable, from which the guest was refused a fetch: true if it may try again, the
 * large page there being now 4 KiB ones. Any core may call it, also several at once on one tree.
 * The EPT violation itself has dropped what this core had cached of gpa (SDM 3C 29.4.3.1); others
 * may still know the large page, as one that is not executable, and get here by it. Work: 512
 * entries.
 */
MUST_USE bool ept_execute(struct ept *ept, gpa_t gpa);

/*
 * Frees up to `budget` tables, counting it down; not the memory they map. False: more are left.
 */
MUST_USE bool ept_destroy(struct ept *ept, unsigned int *budget);

#endif
