/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/text.h"

#include "hv/base/format.h"
#include "hv/base/string.h"

void text_left(struct out *out, const char *s, u32 width)
{
	size_t n = strlen(s);

	out_text(out, s);
	out_repeat(out, ' ', n < width ? width - n : 0);
}

void text_right(struct out *out, const char *s, u32 width)
{
	size_t n = strlen(s);

	out_repeat(out, ' ', n < width ? width - n : 0);
	out_text(out, s);
}

static const char units[] = { 'k', 'M', 'G', 'T', 'P', 'E' };

/* Digits with commas, from the end of a text backwards; returns where they begin. */
static char *put_digits(char *at, u64 value)
{
	u32 digits = 0;

	do {
		if (digits > 0 && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + value % 10);
		value /= 10;
		digits++;
	} while (value != 0);
	return at;
}

void text_number(struct out *out, u64 value, u32 width)
{
	char text[32]; /* 20 digits, 6 commas, a unit */
	char *end = text + sizeof(text) - 1;
	char *at = put_digits(end, value);

	*end = 0;
	for (u32 unit = 0; width != 0 && end - at >= (long)width && unit < ARRAY_SIZE(units);
	     unit++) {
		value /= 1000;
		end[-1] = units[unit];
		at = put_digits(end - 1, value);
	}
	text_right(out, at, width);
}

void text_short(struct out *out, u64 value, u32 width)
{
	char text[16];
	u32 unit = 0;

	if (value < 10000) {
		(void)format(text, sizeof(text), "%llu", (unsigned long long)value);
		text_right(out, text, width);
		return;
	}
	while (value >= 1000000) {
		value /= 1000;
		unit++;
	}
	if (value < 100000)
		(void)format(text, sizeof(text), "%llu.%llu%c", (unsigned long long)(value / 1000),
		             (unsigned long long)(value / 100 % 10), units[unit]);
	else
		(void)format(text, sizeof(text), "%llu%c", (unsigned long long)(value / 1000),
		             units[unit]);
	text_right(out, text, width);
}

void text_percent(struct out *out, u64 part, u64 whole, u32 width)
{
	char text[32];
	/* In tenths of a per cent; large numbers are scaled first, so that nothing overflows. */
	u64 scale = whole >> 50 != 0 ? 1024 : 1;
	u64 tenths = whole == 0 ? 0 : part / scale * 1000 / (whole / scale);

	(void)format(text, sizeof(text), "%llu.%llu%%", (unsigned long long)(tenths / 10),
	             (unsigned long long)(tenths % 10));
	text_right(out, whole == 0 ? "-" : text, width);
}

#define INDENT 9u

/* How much of n characters stands on a line of that width: up to a space, if there is one. */
static u32 piece(const char *line, u32 n, u32 width)
{
	if (n <= width)
		return n;
	for (u32 i = width; i > INDENT; i--)
		if (line[i] == ' ')
			return i;
	return width;
}

static void put_folded(const struct text_fold *f)
{
	u32 at = piece(f->line, f->length, TEXT_COLUMNS);

	f->to->put(f->to, f->line, at);
	while (at < f->length) {
		u32 n;

		while (at < f->length && f->line[at] == ' ')
			at++;
		n = piece(&f->line[at], f->length - at, TEXT_COLUMNS - INDENT);
		out_text(f->to, "\n");
		out_repeat(f->to, ' ', INDENT);
		f->to->put(f->to, &f->line[at], n);
		at += n;
	}
	out_text(f->to, "\n");
}

static void fold_put(struct out *out, const char *bytes, size_t n)
{
	struct text_fold *f = container_of(out, struct text_fold, out);

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\n')
			f->line[f->length++] = bytes[i];
		if (bytes[i] == '\n' || f->length == sizeof(f->line)) {
			put_folded(f);
			f->length = 0;
		}
	}
}

void text_fold_init(struct text_fold *f, struct out *to)
{
	*f = (struct text_fold){ .out = { fold_put }, .to = to };
}
