/* SPDX-License-Identifier: MIT */
/*
 * Hostile bytes, and guest memory: the one place where offsets, lengths and addresses that a file
 * or a guest supplies are compared with what is there. Pure; no function here can leave its range.
 */
#ifndef HV_MONITOR_VIEW_H
#define HV_MONITOR_VIEW_H

#include "hv/base/guest_memory.h"
#include "hv/base/string.h"
#include "hv/base/types.h"

/* A file, or a part of one. */
struct view {
	const u8 *data;
	u64 size;
};

static inline bool view_has(struct view v, u64 offset, u64 length)
{
	return offset <= v.size && length <= v.size - offset;
}

/* False, and *part empty: it is not all there. */
MUST_USE static inline bool view_part(struct view v, u64 offset, u64 length, struct view *part)
{
	*part = (struct view){ v.data, 0 };
	if (!view_has(v, offset, length))
		return false;
	*part = (struct view){ v.data + offset, length };
	return true;
}

/* Copies out, at any alignment. False, and *out untouched: not all there. */
MUST_USE static inline bool view_read(struct view v, u64 offset, void *out, u64 length)
{
	if (!view_has(v, offset, length))
		return false;
	memcpy(out, v.data + offset, length);
	return true;
}

static inline bool guest_has(const struct guest_memory *m, u64 gpa, u64 length)
{
	return gpa <= m->size && length <= m->size - gpa;
}

MUST_USE static inline bool guest_write(const struct guest_memory *m, u64 gpa, const void *from,
                                        u64 length)
{
	if (!guest_has(m, gpa, length))
		return false;
	memcpy(m->base + gpa, from, length);
	return true;
}

#endif
