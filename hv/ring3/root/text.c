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

void text_number(struct out *out, u64 value, u32 width)
{
	char text[32]; /* 20 digits, 6 commas */
	char *at = text + sizeof(text) - 1;
	u32 digits = 0;

	*at = 0;
	do {
		if (digits > 0 && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + value % 10);
		value /= 10;
		digits++;
	} while (value != 0);
	text_right(out, at, width);
}

void text_short(struct out *out, u64 value, u32 width)
{
	static const char units[] = { 'k', 'M', 'G', 'T', 'P', 'E' };
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
