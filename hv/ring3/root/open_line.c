/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/open_line.h"

#include "hv/base/string.h"

#define ESCAPE    0x1b
#define BACKSPACE 0x08
#define BELL      0x07

/* The last letters of those control sequences (ECMA-48, 5.4) that stay in the line. */
#define IN_LINE "mKCDGP@X"

/* What begins a control string, behind ESC: DCS, OSC, SOS, PM, APC. */
#define STRINGS "P]X^_"

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

static bool one_of(char c, const char *letters)
{
	for (; *letters != 0; letters++)
		if (c == *letters)
			return true;
	return false;
}

static bool between(char c, char low, char high)
{
	return (u8)c >= (u8)low && (u8)c <= (u8)high;
}

/* To the terminator of a control string (OSC, DCS and the like): BEL, or ESC and a backslash. */
static u32 string_length(const char *text, u32 n)
{
	u32 i = 2;

	while (i < n && text[i] != BELL && text[i] != ESCAPE)
		i++;
	if (i < n && text[i] == BELL)
		return i + 1;
	return i + 1 < n && text[i + 1] == '\\' ? i + 2 : i;
}

/*
 * The length of the escape sequence that stands here, as far as there is one (ECMA-48, 5.3
 * and 5.4): ESC, intermediate characters or a control sequence's parameters, and a last letter.
 * What does not belong into it ends it, and is looked at by itself.
 */
static u32 sequence_length(const char *text, u32 n)
{
	bool control = n > 1 && text[1] == '[';
	u32 i = control ? 2 : 1;

	if (n > 1 && one_of(text[1], STRINGS))
		return string_length(text, n);
	while (i < n && between(text[i], ' ', control ? '?' : '/'))
		i++;
	return i < n && between(text[i], control ? '@' : '0', '~') ? i + 1 : i;
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

/* A whole one, with plain numbers for parameters: others ask, or shift the screen. */
static bool stays_in_line(const char *sequence, u32 n)
{
	if (n < 3 || sequence[1] != '[')
		return false;
	for (u32 i = 2; i + 1 < n; i++)
		if (!between(sequence[i], '0', ';'))
			return false;
	return one_of(sequence[n - 1], IN_LINE);
}

/* To erase what is behind, down to the screen's end: at the bottom, down to the line's. */
static bool erases_behind(const char *sequence, u32 n)
{
	return n == 3 && sequence[1] == '[' && sequence[2] == 'J';
}

static void draw_sequence(const char *sequence, u32 n, struct out *out)
{
	if (stays_in_line(sequence, n))
		out->put(out, sequence, n);
	else if (erases_behind(sequence, n))
		out_text(out, "\033[K");
}

void open_line_draw(const struct open_line *line, struct out *out)
{
	char before = 0;

	for (u32 i = 0; i < line->length;) {
		const char *text = &line->text[i];
		u32 n = *text == ESCAPE ? sequence_length(text, line->length - i) : 1;

		if (*text == ESCAPE) {
			draw_sequence(text, n, out);
			before = 0;
		} else if (*text == '\r' || *text == BACKSPACE ||
		           printable((u8)before, (u8)*text) == *text) {
			out->put(out, text, 1);
			before = *text;
		} else {
			before = 0;
		}
		i += n;
	}
}
