/* SPDX-License-Identifier: MIT */
/*
 * A bitmap, one bit a frame, set when taken; searched a word at a time from the lowest free frame.
 */
#include "hv/base/frames.h"

#include "hv/base/bits.h"
#include "hv/base/memory.h"
#include "hv/base/panic.h"
#include "hv/base/spinlock.h"
#include "hv/base/string.h"

static struct spinlock frames_lock; /* guards everything below */
static u64 *bitmap;
static u64 frame_count; /* frames that the bitmap covers */
static u64 free_count;
static u64 lowest; /* no frame below this is free */

/* Frames [from, to), a word at a time; those that are so already stay. */
static void set_taken(u64 from, u64 to, bool taken)
{
	if (!taken)
		lowest = MIN(lowest, from);
	while (from < to) {
		u64 count = MIN(64 - from % 64, to - from);
		u64 mask = BITS(count - 1, 0) << (from % 64);
		u64 *word = &bitmap[from / 64];
		u64 changed = (taken ? ~*word : *word) & mask;
		u64 changes = changed == mask ? count : bit_count(changed);

		*word ^= changed;
		free_count = taken ? free_count - changes : free_count + changes;
		from += count;
	}
}

/* The first word from `index` on that is not `same`, or `end`. One instruction, for gigabytes. */
static u64 skip_words(u64 index, u64 end, u64 same)
{
	const u64 *at = &bitmap[index];
	u64 left = end - index;
	bool found;

	if (left == 0)
		return end;
	__asm__("repe scasq" : "+D"(at), "+c"(left), "=@ccne"(found) : "a"(same) : "memory");
	return found ? (u64)(at - bitmap) - 1 : end;
}

/* The first frame in [from, to) whose state is `taken`, or `to`. */
static u64 find(u64 from, u64 to, bool taken)
{
	while (from < to) {
		u64 word = (taken ? bitmap[from / 64] : ~bitmap[from / 64]) >> (from % 64);

		if (word != 0)
			return MIN(from + bit_lowest(word), to);
		from = 64 * skip_words(from / 64 + 1, (to + 63) / 64, taken ? 0 : ~0ull);
	}
	return to;
}

/* The start of a free run, or frame_count. */
static u64 find_run(u64 count, u64 align)
{
	u64 start = align_up(find(lowest, frame_count, false), align);

	while (start < frame_count && count <= frame_count - start) {
		u64 end = find(start, start + count, true);

		if (end == start + count)
			return start;
		start = align_up(find(end, frame_count, false), align);
	}
	return frame_count;
}

hpa_t frames_alloc(u64 count, u64 align_frames)
{
	hpa_t run = HPA(0);
	u64 start;

	if (count == 0)
		return run;
	spin_lock(&frames_lock);
	lowest = find(lowest, frame_count, false);
	start = find_run(count, align_frames);
	if (start < frame_count) {
		run = HPA(start << PAGE_SHIFT);
		set_taken(start, start + count, true);
		if (start == lowest)
			lowest = start + count;
	}
	spin_unlock(&frames_lock);
	if (run.raw != 0)
		memset(hpa_to_ptr(run), 0, count << PAGE_SHIFT);
	return run;
}

static enum frames_taken take_piece(struct frames_take *t, u64 count, u64 align)
{
	u64 from, to, end;

	if (t->retreat) {
		u64 n = MIN(t->have, FRAMES_PIECE);

		set_taken(t->start + t->have - n, t->start + t->have, false);
		t->have -= n;
		t->retreat = t->have != 0;
		return FRAMES_MORE;
	}
	if (t->have == 0) {
		t->start = align_up(find(t->next, frame_count, false), align);
		if (t->start >= frame_count || count > frame_count - t->start)
			return FRAMES_NONE;
	}
	from = t->start + t->have;
	to = from + MIN(FRAMES_PIECE, count - t->have);
	end = find(from, to, true);
	if (end < to) {
		t->next = end + 1;
		t->retreat = t->have != 0;
		return FRAMES_MORE;
	}
	set_taken(from, to, true);
	t->have += to - from;
	return t->have == count ? FRAMES_ALL : FRAMES_MORE;
}

enum frames_taken frames_take(struct frames_take *t, u64 count, u64 align_frames)
{
	enum frames_taken taken;

	spin_lock(&frames_lock);
	taken = take_piece(t, count, align_frames);
	spin_unlock(&frames_lock);
	return taken;
}

hpa_t frame_alloc(void)
{
	return frames_alloc(1, 1);
}

void frames_free(hpa_t first, u64 count)
{
	u64 start = first.raw >> PAGE_SHIFT;

	if ((first.raw & PAGE_MASK) != 0 || start >= frame_count || count > frame_count - start)
		panic("frames_free: %lu frames at 0x%lx are none of ours", count, first.raw);
	spin_lock(&frames_lock);
	if (find(start, start + count, false) != start + count)
		panic("frames_free: a frame of %lu at 0x%lx is free already", count, first.raw);
	set_taken(start, start + count, false);
	spin_unlock(&frames_lock);
}

void frame_free(hpa_t frame)
{
	frames_free(frame, 1);
}

u64 frames_free_count(void)
{
	return atomic_load_relaxed(&free_count);
}

void frames_init(u64 *map, u64 frames)
{
	bitmap = map;
	frame_count = frames;
	free_count = 0;
	lowest = frames;
	memset(map, 0xff, align_up(frames, 64) / 8);
}

void frames_give(hpa_t start, hpa_t end)
{
	u64 last = MIN(end.raw >> PAGE_SHIFT, frame_count);

	set_taken(align_up(start.raw, PAGE_SIZE) >> PAGE_SHIFT, last, false);
}

void frames_reserve(hpa_t start, hpa_t end)
{
	u64 last = MIN(align_up(end.raw, PAGE_SIZE) >> PAGE_SHIFT, frame_count);

	set_taken(start.raw >> PAGE_SHIFT, last, true);
}
