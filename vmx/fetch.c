/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/fetch.h"

static ALWAYS_INLINE u64 load(const void *at)
{
	u64 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return value;
}

static ALWAYS_INLINE bool changed(const struct fetch_entry *e, unsigned int level)
{
	static_assert(FETCH_LEVELS == 4, "still_holds");
	return __atomic_load_n(e->entry[level], __ATOMIC_RELAXED) != e->value[level];
}

static ALWAYS_INLINE bool still_holds(const struct fetch_entry *e, const struct walk_state *s,
                                      enum insn_mode mode)
{
	if (e->cr3 != s->cr3 || e->cr0 != s->cr0 || e->cr4 != s->cr4 || e->efer != s->efer ||
	    e->cpl != s->cpl || e->mode != mode)
		return false;
	if (changed(e, 0) || changed(e, 1) || changed(e, 2) || changed(e, 3))
		return false;
	return load(e->code) == e->bytes[0] && load(e->code + 8) == e->bytes[1];
}

/*
 * Notes what `insn` was decoded from. Of the code, it notes the bytes that were decoded, not those
 * in memory now, which another vCPU may have changed since.
 */
static void remember(struct fetch_entry *e, const struct walk_state *s, enum insn_mode mode,
                     u64 linear, const struct walk_trace *trace, const struct insn_bytes *bytes)
{
	e->linear = linear;
	e->cr0 = s->cr0;
	e->cr3 = s->cr3;
	e->cr4 = s->cr4;
	e->efer = s->efer;
	e->cpl = s->cpl;
	e->mode = mode;
	e->bytes[0] = load(bytes->byte);
	e->bytes[1] = load(bytes->byte + 8);
	/* With fewer levels, a value that matches anyway is compared in their place. */
	for (u32 i = 0; i < FETCH_LEVELS; i++) {
		bool there = i < trace->count;

		e->entry[i] = there ? trace->entry[i] : &e->linear;
		e->value[i] = there ? trace->value[i] : linear;
	}
}

static NOINLINE const struct insn *fetch_anew(struct fetch_entry *e,
                                              const struct guest_memory *memory,
                                              const struct walk_state *s, enum insn_mode mode,
                                              u64 linear, struct walk *walk)
{
	struct walk_trace trace;
	struct insn_bytes bytes;

	e->code = NULL;
	*walk = walk_fetch(memory, s, linear, &bytes, &trace);
	if (walk->outcome != WALK_DONE || !insn_decode(&e->insn, &bytes, mode))
		return NULL;
	/* Does not remember an instruction that may span pages, or has a fifth level. */
	if ((linear & PAGE_MASK) <= PAGE_SIZE - sizeof(e->bytes) && trace.count <= FETCH_LEVELS) {
		e->code = memory->base + walk->gpa.raw;
		remember(e, s, mode, linear, &trace, &bytes);
	}
	return &e->insn;
}

const struct insn *fetch_insn(struct fetch_memory *remembered, const struct guest_memory *memory,
                              const struct walk_state *state, enum insn_mode mode, u64 linear,
                              struct walk *walk)
{
	struct fetch_entry *way = remembered->way[(linear ^ linear >> 4) % FETCH_SETS];

	if (way[0].linear == linear && way[0].code && still_holds(&way[0], state, mode))
		return &way[0].insn;
	if (way[1].linear == linear && way[1].code && still_holds(&way[1], state, mode))
		return &way[1].insn;
	remembered->next = (remembered->next + 1) % FETCH_WAYS;
	return fetch_anew(&way[remembered->next], memory, state, mode, linear, walk);
}
