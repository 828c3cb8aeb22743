/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * The guest's own page tables, walked by software: from a linear to a guest-physical address, with
 * the checks that the processor makes (SDM volume 3, chapter 4). For instructions that the
 * hypervisor must read or carry out itself.
 *
 * Differences to the processor, none of which a guest can see in what the walk is used for:
 * accessed and dirty bits are set for stores alone (walk_mark_dirty); PAE's PDPTEs are read from
 * memory rather than from the registers that MOV CR3 loads; there is no TLB; protection keys and
 * shadow stacks, which no guest is offered, are not checked.
 *
 * Guest memory may change under the walk's hands (other vCPUs run): each entry is read once, and
 * nothing outside guest memory is ever read.
 */
#ifndef VMX_WALK_H
#define VMX_WALK_H

#include "hv/base/guest_memory.h"
#include "hv/base/types.h"

/* The registers that a translation depends on. */
struct walk_state {
	u64 cr0, cr3, cr4, efer, rflags;
	u64 physical_mask; /* BITS(MAXPHYADDR - 1, 0) of the guest */
	u32 cpl;
};

/* Values are bits of the page-fault error code. A store by an instruction is not a fetch. */
enum walk_access {
	WALK_READ = 0,
	WALK_WRITE = 1u << 1,
	WALK_FETCH = 1u << 4,
};

enum walk_outcome {
	WALK_DONE,        /* gpa is set; it may lie outside guest memory */
	WALK_PAGE_FAULT,  /* #PF with `error`; CR2 is the linear address */
	WALK_GP,          /* not canonical: #GP(0), or #SS(0) of a stack access */
	WALK_UNREACHABLE, /* a table lies outside guest memory */
};

struct walk {
	u32 outcome;
	u32 error;
	gpa_t gpa;
};

MUST_USE struct walk walk_translate(const struct guest_memory *memory,
                                    const struct walk_state *state, u64 linear,
                                    enum walk_access access);

/* The table entries that a translation read: as long as they and the registers stay, it holds. */
#define WALK_LEVELS 5u
struct walk_trace {
	u32 count;
	u64 *entry[WALK_LEVELS]; /* the aligned 8 bytes that the entry lies in */
	u64 value[WALK_LEVELS];
};

MUST_USE struct walk walk_traced(const struct guest_memory *memory, const struct walk_state *state,
                                 u64 linear, enum walk_access access, struct walk_trace *trace);

/*
 * Sets the accessed bits of a walk's entries, and the last one's dirty bit, as a store does (SDM 3A
 * 4.8). False: an entry is no longer what the walk has read, so that the walk must be repeated.
 */
MUST_USE bool walk_mark_dirty(const struct walk_state *state, u64 linear,
                              const struct walk_trace *trace);

/*
 * An instruction as fetched. Bytes from `count` on have no meaning; but byte[15] is the byte that
 * follows in memory, where the first page holds all 16.
 */
#define INSN_MAX 15u
struct insn_bytes {
	u8 byte[16];
	u32 count; /* 0..15 */
};

/*
 * Fetches up to 15 bytes at `linear` (CS base added, cut to 32 bits outside 64-bit mode), over a
 * page boundary too. If only the second page cannot be read, fewer bytes are there: an
 * instruction that fits in them is whole. Outcome and error are those of the first page;
 * WALK_UNREACHABLE also when the code lies outside guest memory. The trace, NULL for none, is that
 * of the first page.
 */
MUST_USE struct walk walk_fetch(const struct guest_memory *memory, const struct walk_state *state,
                                u64 linear, struct insn_bytes *bytes, struct walk_trace *trace);

#endif
