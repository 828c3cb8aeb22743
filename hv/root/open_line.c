/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/root/open_line.h"

#include "hv/base/string.h"

#define ESCAPE    0x1b
#define BACKSPACE 0x08

/* The last letters of those control sequences (ECMA-48, 5.4) that stay in the line. */
#define IN_LINE "mKCDGP@X"

void open_line_clear(struct open_line *line)
{
	line->length = 0;
	line->cut = false;
}

bool open_line_add(struct open_line *line, u8 byte)
{
	line->cut |= line->length == OPEN_LINE_MAX;
	if (!line->cut)
		line->text[line->length++] = (char)byte;
	return !line->cut;
}

/*
 * Bytes 0x80 to 0x9f are control characters too (0x9b begins a sequence as ESC [ does), alone and
 * behind 0xc2; behind any other byte of that kind they are parts of UTF-8's letters.
 */
static char printable(u8 before, u8 byte)
{
	bool high = byte >= 0x80 && byte < 0xa0;

	if (high ? before < 0x80 || before == 0xc2 : (byte < ' ' && byte != '\t') || byte == 0x7f)
		return '.';
	return (char)byte;
}

/* The length of the escape sequence that stands here, as far as there is one. */
static u32 sequence_length(const char *text, u32 n)
{
	u32 i = 2;

	if (n < 2 || text[1] != '[')
		return n < 2 ? n : 2;
	while (i < n && (text[i] < '@' || text[i] > '~'))
		i++;
	return i < n ? i + 1 : n;
}

void open_line_print(const struct open_line *line, struct out *out)
{
	char text[OPEN_LINE_MAX];
	u32 n = 0;

	for (u32 i = 0; i < line->length;) {
		u8 byte = (u8)line->text[i];

		if (byte == ESCAPE) {
			i += sequence_length(&line->text[i], line->length - i);
			continue;
		}
		i++;
		if (byte == '\r')
			continue;
		text[n] = printable(n > 0 ? (u8)text[n - 1] : 0, byte);
		n++;
	}
	out->put(out, text, n);
}

static bool stays_in_line(const char *sequence, u32 n)
{
	char last = sequence[n - 1];

	if (n < 3 || sequence[1] != '[')
		return false;
	for (const char *letter = IN_LINE; *letter != 0; letter++)
		if (last == *letter)
			return true;
	return false;
}

void open_line_draw(const struct open_line *line, struct out *out)
{
	for (u32 i = 0; i < line->length;) {
		const char *text = &line->text[i];
		u8 byte = (u8)*text;
		u32 n = 1;

		if (byte == ESCAPE)
			n = sequence_length(text, line->length - i);
		if (byte == ESCAPE
		            ? stays_in_line(text, n)
		            : byte >= ' ' || byte == '\r' || byte == '\t' || byte == BACKSPACE)
			out->put(out, text, n);
		i += n;
	}
}
