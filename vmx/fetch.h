/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Finds and decodes the instruction that a vCPU is at: page walk, fetch, decoder, and a memory.
 *
 * A driver touches its registers from a handful of places, over and over. So each vCPU remembers
 * the last few instructions together with everything their decoding depended on: the registers, the
 * page-table entries that led to the code, and the code's bytes. All of it is compared again, in
 * some fifty machine instructions, so a remembered answer is the one that the full walk (some
 * hundreds) would give now; nothing the guest does can make it stale.
 */
#ifndef VMX_FETCH_H
#define VMX_FETCH_H

#include "vmx/decode.h"
#include "vmx/walk.h"

#define FETCH_LEVELS 4u
#define FETCH_WAYS   2u
#define FETCH_SETS   8u

struct fetch_entry {
	u64 linear;
	u64 cr0, cr3, cr4, efer;
	u32 cpl, mode;
	const u64 *entry[FETCH_LEVELS];
	u64 value[FETCH_LEVELS];
	const u8 *code;
	u64 bytes[2];
	struct insn insn;
};

/* A vCPU's remembered instructions, used by its owner only; all zero at first. 3 KiB. */
struct fetch_memory {
	struct fetch_entry way[FETCH_SETS][FETCH_WAYS];
	u32 next; /* the way to fill next */
};

/*
 * Returns the instruction at `linear` (CS base added, cut to 32 bits outside 64-bit mode), valid
 * until the next call. NULL: *walk tells why (it is set only then); WALK_DONE: unknown to the
 * decoder. `memory` and physical_mask are the same in all calls with one fetch_memory.
 */
MUST_USE const struct insn *fetch_insn(struct fetch_memory *remembered,
                                       const struct guest_memory *memory,
                                       const struct walk_state *state, enum insn_mode mode,
                                       u64 linear, struct walk *walk);

#endif
