/* SPDX-License-Identifier: MIT */
/* A VM's frames, written down as they are handed out, and given back in one sweep. */
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/kernel/vm/vm.h"

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

void *vm_alloc(struct vm *vm, u64 frames, u64 align_frames)
{
	struct arena *arena = &vm->arena;
	hpa_t first;

	if ((arena->pages == NULL || arena->pages->count == RUNS_PER_PAGE) && !grow(arena))
		return NULL;
	first = frames_alloc(frames, align_frames);
	if (first.raw == 0)
		return NULL;
	arena->pages->run[arena->pages->count++] = (struct run){ first, frames };
	return hpa_to_ptr(first);
}

void vm_free_all(struct vm *vm)
{
	while (vm->arena.pages != NULL) {
		struct arena_page *page = vm->arena.pages;

		for (u64 i = 0; i < page->count; i++)
			frames_free(page->run[i].first, page->run[i].frames);
		vm->arena.pages = page->next;
		frame_free(ptr_to_hpa(page));
	}
}
