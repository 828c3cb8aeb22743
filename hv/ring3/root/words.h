/* SPDX-License-Identifier: MIT */
/* Words of a line, each with the place it stands at, so that a message can point to it. Pure. */
#ifndef HV_ROOT_WORDS_H
#define HV_ROOT_WORDS_H

#include "hv/base/types.h"

struct word {
	const char *text; /* not terminated */
	u32 length;
	u32 column; /* of its first character in the line, from 0 */
};

/* The line's next word, words being separated by blanks. False: there is none. */
struct words {
	const char *line;
	u32 at;
};
bool words_next(struct words *w, struct word *word);

/* What is left of the line, its leading blanks aside. */
const char *words_rest(const struct words *w);

bool word_is(struct word w, const char *text);

/* Splits at the first `c`, of which neither half holds any. False: there is none. */
bool word_split(struct word w, char c, struct word *left, struct word *right);

/* A decimal number without a sign. False: something else, or above 2^63. */
bool word_number(struct word w, u64 *value);

/* A number of bytes with K, M or G. */
bool word_bytes(struct word w, u64 *value);

#endif
