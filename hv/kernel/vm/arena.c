/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/arena.h"

#include "hv/base/bits.h"
#include "hv/base/memory.h"

struct run {
	hpa_t first;
	u64 frames;
};

#define RUNS_PER_PAGE ((PAGE_SIZE - 16) / sizeof(struct run))

struct arena_page {
	struct arena_page *next;
	u64 count;
	struct run run[RUNS_PER_PAGE];
};
static_assert(sizeof(struct arena_page) <= PAGE_SIZE, "one frame");

static bool grow(struct arena *arena)
{
	hpa_t frame = frame_alloc();
	struct arena_page *page;

	if (frame.raw == 0)
		return false;
	page = hpa_to_ptr(frame);
	page->next = arena->pages;
	arena->pages = page;
	return true;
}

bool arena_adopt(struct arena *arena, hpa_t first, u64 frames)
{
	if ((arena->pages == NULL || arena->pages->count == RUNS_PER_PAGE) && !grow(arena))
		return false;
	arena->pages->run[arena->pages->count++] = (struct run){ first, frames };
	return true;
}

void *arena_alloc(struct arena *arena, u64 frames, u64 align_frames)
{
	hpa_t first = frames_alloc(frames, align_frames);

	if (first.raw == 0)
		return NULL;
	if (!arena_adopt(arena, first, frames)) {
		frames_free(first, frames);
		return NULL;
	}
	return hpa_to_ptr(first);
}

/* Up to FRAMES_PIECE frames, or a page of the arena's own. */
bool arena_free_some(struct arena *arena)
{
	struct arena_page *page = arena->pages;

	if (page == NULL)
		return true;
	if (page->count == 0) {
		arena->pages = page->next;
		frame_free(ptr_to_hpa(page));
	} else {
		struct run *last = &page->run[page->count - 1];
		u64 frames = MIN(last->frames, FRAMES_PIECE);

		last->frames -= frames;
		frames_free(HPA(last->first.raw + (last->frames << PAGE_SHIFT)), frames);
		if (last->frames == 0)
			page->count--;
	}
	return false;
}
