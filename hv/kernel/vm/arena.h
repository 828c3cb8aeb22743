/* SPDX-License-Identifier: MIT */
/* Frames that belong together, written down as they are handed out, and given back in one sweep. */
#ifndef HV_VM_ARENA_H
#define HV_VM_ARENA_H

#include "hv/base/frames.h"
#include "hv/base/types.h"

/* Runs of frames; `next` chains further pages of them. */
struct arena {
	struct arena_page *pages;
};

/* Zeroed frames that live as long as the arena; NULL: none left. */
void *arena_alloc(struct arena *arena, u64 frames, u64 align_frames);

/* The same for a run that frames_take has taken. */
MUST_USE bool arena_adopt(struct arena *arena, hpa_t first, u64 frames);

/* Gives them back, some at a time. False: there are more. */
MUST_USE bool arena_free_some(struct arena *arena);

#endif
