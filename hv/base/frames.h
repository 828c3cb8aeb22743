/* SPDX-License-Identifier: MIT */
/*
 * The allocator of physical memory, in frames of 4 KiB. Any core, interrupts off; one spinlock.
 *
 * All memory handed out is zeroed (page tables and guests need that). Lowest addresses come first,
 * so that what boot allocates lies below 4 GiB. The first MiB, the kernel, modules, symbol tables
 * and whatever firmware claims are never handed out.
 */
#ifndef HV_BASE_FRAMES_H
#define HV_BASE_FRAMES_H

#include "hv/base/types.h"

/* One zeroed frame, or raw 0: none left. The caller owns it until frame_free. */
MUST_USE hpa_t frame_alloc(void);
void frame_free(hpa_t frame);

/*
 * count frames in one run whose first is a multiple of align_frames (a power of two; 512 for
 * 2 MiB), zeroed; raw 0: no such run.
 */
MUST_USE hpa_t frames_alloc(u64 count, u64 align_frames);

/*
 * A run of any length, taken a piece at a time, so that no call takes long; not zeroed. The state
 * starts as all zero. FRAMES_MORE: call again. FRAMES_ALL: the run begins at frame `start`.
 * FRAMES_NONE: there is none, and nothing is taken.
 */
#define FRAMES_PIECE 8192u /* 32 MiB */

enum frames_taken { FRAMES_MORE, FRAMES_ALL, FRAMES_NONE };

struct frames_take {
	u64 start, have; /* taken so far */
	u64 next;        /* where the search goes on */
	bool retreat;    /* a frame in the way: what was taken is given back first */
};

MUST_USE enum frames_taken frames_take(struct frames_take *t, u64 count, u64 align_frames);

/* Gives back a run, or any part of one. Freeing what is free is a bug and stops the machine. */
void frames_free(hpa_t first, u64 count);

/* How many frames are free now: for leak checks and the boot message. */
u64 frames_free_count(void);

/*
 * Boot only, one core. `bitmap` holds one bit for each frame below `frames`, all of which start
 * out as taken; frames_give then adds RAM, in whole frames inside [start, end), and frames_reserve
 * takes out every frame that [start, end) touches. Ranges beyond the bitmap are ignored.
 */
void frames_init(u64 *bitmap, u64 frames);
void frames_give(hpa_t start, hpa_t end);
void frames_reserve(hpa_t start, hpa_t end);

#endif
