/* SPDX-License-Identifier: MIT */
/*
 * A set of vCPU indexes below VAPIC_MAX_VCPUS.
 *
 * Clearing 1,024 bits for each interrupt would cost more than sending it, so a set says which of
 * its words hold anything: words first..last-1 are valid, all others are undefined and never read.
 * A set is owned by whoever made it; nothing here is atomic.
 */
#ifndef VAPIC_SET_H
#define VAPIC_SET_H

#include "hv/base/bits.h"

#define VAPIC_MAX_VCPUS 1024u
#define VAPIC_SET_WORDS (VAPIC_MAX_VCPUS / 64)
/* No vCPU: what a search returns that found nothing. */
#define VAPIC_NONE 0xffffu

struct vapic_set {
	u16 first;
	u16 last; /* one beyond the last valid word; first == last is the empty set */
	u64 word[VAPIC_SET_WORDS];
};

/* Makes the set empty. */
static ALWAYS_INLINE void vapic_set_clear(struct vapic_set *s)
{
	s->first = 0;
	s->last = 0;
}

/* Makes the set hold i and nothing else. */
static ALWAYS_INLINE void vapic_set_only(struct vapic_set *s, u32 i)
{
	u32 w = i / 64;

	s->first = (u16)w;
	s->last = (u16)(w + 1);
	s->word[w] = BIT(i % 64);
}

/* Makes the set hold 0..count-1, count <= VAPIC_MAX_VCPUS. */
static inline void vapic_set_fill(struct vapic_set *s, u32 count)
{
	u32 words = (count + 63) / 64;

	s->first = 0;
	s->last = (u16)words;
	for (u32 w = 0; w < words; w++)
		s->word[w] = ~0ull;
	if (count % 64 != 0)
		s->word[words - 1] = BIT(count % 64) - 1;
}

/* Adds i, growing the valid words as far as needed. */
static inline void vapic_set_add(struct vapic_set *s, u32 i)
{
	u16 w = (u16)(i / 64);

	if (s->first == s->last) {
		vapic_set_only(s, i);
		return;
	}
	while (s->first > w)
		s->word[--s->first] = 0;
	while (s->last <= w)
		s->word[s->last++] = 0;
	s->word[w] |= BIT(i % 64);
}

/* Makes the set hold those of 64w..64w+63 whose bit is set, and nothing else. */
static ALWAYS_INLINE void vapic_set_word(struct vapic_set *s, u32 w, u64 bits)
{
	s->first = (u16)w;
	s->last = (u16)(w + 1);
	s->word[w] = bits;
}

/* Adds those of 64w..64w+63 whose bit is set. */
static inline void vapic_set_add_word(struct vapic_set *s, u32 w, u64 bits)
{
	if (bits == 0)
		return;
	if (s->first == s->last) {
		vapic_set_word(s, w, bits);
		return;
	}
	vapic_set_add(s, w * 64 + bit_lowest(bits));
	s->word[w] |= bits;
}

static inline bool vapic_set_has(const struct vapic_set *s, u32 i)
{
	u32 w = i / 64;

	return w >= s->first && w < s->last && (s->word[w] & BIT(i % 64)) != 0;
}

/* Takes i out; a member or not. */
static inline void vapic_set_remove(struct vapic_set *s, u32 i)
{
	if (vapic_set_has(s, i))
		s->word[i / 64] &= ~BIT(i % 64);
}

/* The lowest member at or above `from`, or VAPIC_NONE. */
static inline u32 vapic_set_next(const struct vapic_set *s, u32 from)
{
	u32 w = MAX(from / 64, (u32)s->first);
	u64 mask = from / 64 == w ? ~0ull << (from % 64) : ~0ull;

	for (; w < s->last; w++, mask = ~0ull) {
		u64 bits = s->word[w] & mask;

		if (bits != 0)
			return w * 64 + bit_lowest(bits);
	}
	return VAPIC_NONE;
}

static inline u32 vapic_set_count(const struct vapic_set *s)
{
	u32 n = 0;

	for (u32 w = s->first; w < s->last; w++)
		n += bit_count(s->word[w]);
	return n;
}

/* Runs its body with i (a u32) as each member in ascending order. */
#define set_for_each(i, s)                                                                         \
	for ((i) = vapic_set_next((s), 0); (i) != VAPIC_NONE; (i) = vapic_set_next((s), (i) + 1))

struct vapic_vm;

/*
 * Anyone. The set of the vCPUs with APIC IDs base + n for each set bit n of a bitmap of `words`
 * words, words <= VAPIC_SET_WORDS. Returns how many IDs nobody has; no base overflows.
 */
u32 vapic_resolve(const struct vapic_vm *vm, const u64 *bitmap, u32 words, u64 base,
                  struct vapic_set *set);

#endif
