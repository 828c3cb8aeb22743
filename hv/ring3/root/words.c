/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/words.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"

#define NUMBER_MAX (BIT(63) - 1)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool words_next(struct words *w, struct word *word)
{
	u32 begin;

	while (is_blank(w->line[w->at]))
		w->at++;
	begin = w->at;
	while (w->line[w->at] != 0 && !is_blank(w->line[w->at]))
		w->at++;
	*word = (struct word){ w->line + begin, w->at - begin, begin };
	return w->at != begin;
}

const char *words_rest(const struct words *w)
{
	const char *rest = w->line + w->at;

	while (is_blank(*rest))
		rest++;
	return rest;
}

bool word_is(struct word w, const char *text)
{
	return strlen(text) == w.length && memcmp(w.text, text, w.length) == 0;
}

bool word_split(struct word w, char c, struct word *left, struct word *right)
{
	for (u32 i = 0; i < w.length; i++) {
		if (w.text[i] != c)
			continue;
		*left = (struct word){ w.text, i, w.column };
		*right = (struct word){ w.text + i + 1, w.length - i - 1, w.column + i + 1 };
		return true;
	}
	return false;
}

bool word_number(struct word w, u64 *value)
{
	*value = 0;
	for (u32 i = 0; i < w.length; i++) {
		u64 digit = (u64)(u8)w.text[i] - '0';

		if (digit > 9 || *value > (NUMBER_MAX - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	return w.length > 0;
}

bool word_bytes(struct word w, u64 *value)
{
	static const struct {
		char suffix;
		u32 shift;
	} units[] = { { 'K', 10 }, { 'M', 20 }, { 'G', 30 } };

	for (u32 i = 0; i < ARRAY_SIZE(units); i++) {
		if (w.length < 2 || w.text[w.length - 1] != units[i].suffix)
			continue;
		w.length--;
		if (!word_number(w, value) || *value > NUMBER_MAX >> units[i].shift)
			return false;
		*value <<= units[i].shift;
		return true;
	}
	return false;
}
