/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* A recursive-descent check of RFC 8259 that builds nothing; its depth is bounded. */
#include "hv/ring3/root/json.h"

#include "hv/base/string.h"

struct scan {
	const char *at, *end;
	u32 depth; /* objects and arrays around `at` */
	const char *without;
};

static bool value(struct scan *s);

static char next(const struct scan *s)
{
	return s->at < s->end ? *s->at : 0;
}

static bool take(struct scan *s, char c)
{
	if (next(s) != c || c == 0)
		return false;
	s->at++;
	return true;
}

static bool is_one_of(char c, const char *set)
{
	for (; *set != 0; set++)
		if (c == *set)
			return true;
	return false;
}

static void blanks(struct scan *s)
{
	while (is_one_of(next(s), " \t"))
		s->at++;
}

static bool digits(struct scan *s)
{
	const char *begin = s->at;

	while (is_one_of(next(s), "0123456789"))
		s->at++;
	return s->at != begin;
}

static bool number(struct scan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && !digits(s))
		return false;
	if (take(s, '.') && !digits(s))
		return false;
	if (!is_one_of(next(s), "eE"))
		return true;
	s->at++;
	if (is_one_of(next(s), "+-"))
		s->at++;
	return digits(s);
}

/* Behind the backslash. */
static bool escape(struct scan *s)
{
	if (!is_one_of(next(s), "\"\\/bfnrtu"))
		return false;
	if (*s->at++ != 'u')
		return true;
	for (u32 i = 0; i < 4; i++, s->at++)
		if (!is_one_of(next(s), "0123456789abcdefABCDEF"))
			return false;
	return true;
}

static bool string(struct scan *s)
{
	if (!take(s, '"'))
		return false;
	while (next(s) >= ' ' && next(s) <= '~') {
		char c = *s->at++;

		if (c == '"')
			return true;
		if (c == '\\' && !escape(s))
			return false;
	}
	return false;
}

/* A name; in the outermost object it must not be, nor hide, the one that is not wanted. */
static bool name(struct scan *s)
{
	const char *begin = s->at + 1;
	size_t length;

	if (!string(s))
		return false;
	length = (size_t)(s->at - begin) - 1;
	if (s->depth > 1)
		return true;
	if (strlen(s->without) == length && memcmp(begin, s->without, length) == 0)
		return false;
	for (size_t i = 0; i < length; i++)
		if (begin[i] == '\\')
			return false;
	return true;
}

static bool member(struct scan *s)
{
	blanks(s);
	if (!name(s))
		return false;
	blanks(s);
	return take(s, ':') && value(s);
}

/* Behind the opening bracket: items, separated by commas, up to the closing one. */
static bool items(struct scan *s, char close, bool (*item)(struct scan *))
{
	blanks(s);
	if (take(s, close))
		return true;
	do {
		if (!item(s))
			return false;
		blanks(s);
	} while (take(s, ','));
	return take(s, close);
}

static bool nested(struct scan *s, char close, bool (*item)(struct scan *))
{
	bool ok;

	if (s->depth == JSON_DEPTH)
		return false;
	s->depth++;
	ok = items(s, close, item);
	s->depth--;
	return ok;
}

static bool word(struct scan *s, const char *text)
{
	for (; *text != 0; text++)
		if (!take(s, *text))
			return false;
	return true;
}

static bool value(struct scan *s)
{
	blanks(s);
	switch (next(s)) {
	case '{':
		s->at++;
		return nested(s, '}', member);
	case '[':
		s->at++;
		return nested(s, ']', value);
	case '"':
		return string(s);
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	default:
		return number(s);
	}
}

bool json_is_object(const char *text, size_t n, const char *without)
{
	struct scan s = { text, text + n, 0, without };

	blanks(&s);
	if (next(&s) != '{' || !value(&s))
		return false;
	blanks(&s);
	return s.at == s.end;
}
