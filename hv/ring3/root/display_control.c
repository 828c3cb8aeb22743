/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Bytes to characters and control functions (ECMA-48, 5.3 to 5.6; 8.3 for what each does). */
#include "hv/ring3/root/display_control.h"

#include "hv/base/bits.h"

#define TAB_STOP 8u
#define ESCAPE   0x1b
#define BELL     0x07

enum state {
	TEXT,
	ESCAPED,      /* behind ESC */
	INTERMEDIATE, /* behind ESC and a character set's or another function's first byte */
	SEQUENCE,     /* behind ESC [ */
	PRIVATE,      /* behind ESC [ ? and the like */
	STRING,       /* a control string: to BEL, or ESC and a backslash */
	STRING_ESCAPED,
};

/* The i-th parameter; 0 or none: `otherwise`. */
static u32 parameter(const struct display *d, u32 i, u32 otherwise)
{
	return i < d->parameters && d->parameter[i] != 0 ? d->parameter[i] : otherwise;
}

static void move(struct display *d, u32 x, u32 y)
{
	d->x = MIN(x, d->columns - 1);
	d->y = MIN(y, d->rows - 1);
}

static u32 back(u32 at, u32 n)
{
	return at > n ? at - n : 0;
}

/* --- ED, EL --- */

static void erase_line(struct display *d)
{
	u32 what = parameter(d, 0, 0), x = MIN(d->x, d->columns - 1);

	display_erase(d, d->y, what == 0 ? d->x : 0, what == 1 ? x + 1 : d->columns);
}

static void erase_screen(struct display *d)
{
	u32 what = parameter(d, 0, 0);

	for (u32 y = 0; y < d->rows; y++)
		if (what >= 2 || (what == 0 && y > d->y) || (what == 1 && y < d->y))
			display_erase(d, y, 0, d->columns);
	if (what < 2)
		erase_line(d);
}

/* --- SGR --- */

static void set_attribute(struct display *d, u32 n)
{
	if (n == 0)
		d->ink = 7, d->paper = 0, d->inverse = false;
	else if (n == 1)
		d->ink |= 8;
	else if (n == 22)
		d->ink &= 7;
	else if (n == 7 || n == 27)
		d->inverse = n == 7;
	else if (n >= 30 && n <= 37)
		d->ink = (u8)((d->ink & 8) | (n - 30));
	else if (n >= 40 && n <= 47)
		d->paper = (u8)(n - 40);
	else if (n >= 90 && n <= 97)
		d->ink = (u8)(n - 90 + 8);
	else if (n >= 100 && n <= 107)
		d->paper = (u8)(n - 100 + 8);
	else if (n == 39)
		d->ink = 7;
	else if (n == 49)
		d->paper = 0;
}

/* 38 and 48 choose among more colours than there are here: what belongs to them is passed over. */
static void set_attributes(struct display *d)
{
	if (d->parameters == 0)
		set_attribute(d, 0);
	for (u32 i = 0; i < d->parameters; i++) {
		u32 n = d->parameter[i];

		if (n == 38 || n == 48)
			i += parameter(d, i + 1, 0) == 2 ? 4 : 2;
		else
			set_attribute(d, n);
	}
}

/* --- sequences --- */

static void control_sequence(struct display *d, u8 last)
{
	u32 n = parameter(d, 0, 1);

	switch (last) {
	case 'A':
		move(d, d->x, back(d->y, n));
		break;
	case 'B':
		move(d, d->x, d->y + MIN(n, d->rows));
		break;
	case 'C':
		move(d, d->x + MIN(n, d->columns), d->y);
		break;
	case 'D':
		move(d, back(d->x, n), d->y);
		break;
	case 'G':
		move(d, n - 1, d->y);
		break;
	case 'd':
		move(d, d->x, n - 1);
		break;
	case 'H':
	case 'f':
		move(d, parameter(d, 1, 1) - 1, n - 1);
		break;
	case 'J':
		erase_screen(d);
		break;
	case 'K':
		erase_line(d);
		break;
	case 'L':
	case 'M':
		display_scroll(d, d->y, n, last == 'M');
		break;
	case '@':
	case 'P':
		display_shift(d, n, last == 'P');
		break;
	case 'X':
		display_erase(d, d->y, d->x, d->x + MIN(n, d->columns));
		break;
	case 'm':
		set_attributes(d);
		break;
	default:
		break;
	}
}

static void begin_sequence(struct display *d)
{
	d->state = SEQUENCE;
	d->parameters = 0;
	for (u32 i = 0; i < DISPLAY_PARAMETERS; i++)
		d->parameter[i] = 0;
}

/* A digit, a separator, or the end. */
static void sequence_byte(struct display *d, u8 byte)
{
	if (byte >= '0' && byte <= '9') {
		u32 *p = &d->parameter[d->parameters == 0 ? 0 : d->parameters - 1];

		d->parameters = MAX(d->parameters, 1u);
		*p = MIN(*p * 10 + (byte - '0'), 9999u);
	} else if (byte == ';') {
		d->parameters = MIN(MAX(d->parameters, 1u) + 1, DISPLAY_PARAMETERS);
		d->parameter[d->parameters - 1] = 0;
	} else if (byte >= '<' && byte <= '?') {
		d->state = PRIVATE;
	} else if (byte >= '@' && byte <= '~') {
		if (d->state == SEQUENCE)
			control_sequence(d, byte);
		else if (d->parameter[0] == 25 && (byte == 'h' || byte == 'l'))
			d->hidden = byte == 'l';
		d->state = TEXT;
	} else if (byte >= ' ' && byte <= '/') {
		d->state = PRIVATE; /* none of those with such a byte is known */
	}
}

static void escaped_byte(struct display *d, u8 byte)
{
	d->state = TEXT;
	if (byte == '[')
		begin_sequence(d);
	else if (byte == 'P' || byte == ']' || byte == 'X' || byte == '^' || byte == '_')
		d->state = STRING;
	else if (byte >= ' ' && byte <= '/')
		d->state = INTERMEDIATE;
	else if (byte == 'M' && d->y == 0)
		display_scroll(d, 0, 1, false);
	else if (byte == 'M')
		d->y--;
	else if (byte == 'D' || byte == 'E')
		display_newline(d);
	if (byte == 'E')
		d->x = 0;
}

static void control_byte(struct display *d, u8 byte)
{
	if (byte == ESCAPE)
		d->state = ESCAPED;
	else if (byte == '\n' || byte == '\v' || byte == '\f')
		display_newline(d);
	else if (byte == '\r')
		d->x = 0;
	else if (byte == '\b')
		d->x = back(MIN(d->x, d->columns - 1), 1);
	else if (byte == '\t')
		d->x = MIN((d->x / TAB_STOP + 1) * TAB_STOP, d->columns - 1);
}

/* --- text --- */

/* A byte of UTF-8; what is not in Latin-1, or damaged, is a question mark. */
static void text_byte(struct display *d, u8 byte)
{
	if (d->more > 0 && (byte & 0xc0) == 0x80) {
		d->code = d->code << 6 | (byte & 0x3f);
		if (--d->more == 0)
			display_letter(d, d->code >= 0xa0 && d->code <= 0xff ? (u8)d->code : '?');
		return;
	}
	if (d->more > 0)
		display_letter(d, '?');
	d->more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
	d->code = byte & (0x3fu >> d->more);
	if (d->more == 0)
		display_letter(d, byte < 0x7f ? byte : '?');
}

static void put_byte(struct display *d, u8 byte)
{
	if (d->state == STRING || d->state == STRING_ESCAPED) {
		if (byte == BELL || (d->state == STRING_ESCAPED && byte == '\\'))
			d->state = TEXT;
		else
			d->state = byte == ESCAPE ? STRING_ESCAPED : STRING;
	} else if (byte < ' ') {
		control_byte(d, byte);
	} else if (d->state == SEQUENCE || d->state == PRIVATE) {
		sequence_byte(d, byte);
	} else if (d->state == ESCAPED) {
		escaped_byte(d, byte);
	} else if (d->state == INTERMEDIATE) {
		d->state = byte <= '/' ? INTERMEDIATE : TEXT;
	} else {
		text_byte(d, byte);
	}
}

void display_put(struct out *out, const char *bytes, size_t n)
{
	struct display *d = container_of(out, struct display, out);

	for (size_t i = 0; i < n; i++)
		put_byte(d, (u8)bytes[i]);
	d->dirty |= n > 0;
}
