/* SPDX-License-Identifier: MIT */
/*
 * Lays structures one behind the other into a bounded piece of guest memory and tells where each
 * one went. What does not fit is not written, and `full` stays set. Pure.
 */
#ifndef HV_MONITOR_WRITER_H
#define HV_MONITOR_WRITER_H

#include "hv/base/bits.h"
#include "hv/ring3/monitor/view.h"

struct writer {
	u8 *base; /* of the piece */
	u64 gpa;  /* where the guest sees it; 16-byte aligned */
	u64 size, used;
	bool full;
};

/* The guest's memory at gpa; the caller has checked that it is there. */
static inline struct writer writer_at(const struct guest_memory *m, u64 gpa, u64 size)
{
	return (struct writer){ m->base + gpa, gpa, size, 0, false };
}

/* Room for n zero bytes at that alignment; their gpa, or 0 when full. */
static inline u64 writer_reserve(struct writer *w, u64 n, u64 align)
{
	u64 at = align_up(w->used, align);

	if (w->full || at > w->size || n > w->size - at) {
		w->full = true;
		return 0;
	}
	memset(w->base + at, 0, n);
	w->used = at + n;
	return w->gpa + at;
}

static inline u64 writer_put(struct writer *w, const void *from, u64 n, u64 align)
{
	u64 gpa = writer_reserve(w, n, align);

	if (gpa != 0)
		memcpy(w->base + (gpa - w->gpa), from, n);
	return gpa;
}

/* The bytes at a gpa that this writer gave out. */
static inline u8 *writer_bytes(const struct writer *w, u64 gpa)
{
	return w->base + (gpa - w->gpa);
}

#endif
