/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Cells: writing, scrolling, erasing, and bringing them to the screen. */
#include "hv/ring3/root/display.h"

#include "hv/base/bits.h"
#include "hv/base/font.h"
#include "hv/base/string.h"
#include "hv/ring3/root/display_control.h"

#define INK 7u

/* ANSI's order: black red green yellow blue magenta cyan white, then bright. */
static const u32 rgb[16] = { 0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa,
	                     0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555, 0x55ff55, 0xffff55,
	                     0x5555ff, 0xff55ff, 0x55ffff, 0xffffff };

/* A canvas of characters has VGA's order, which is ANSI's with red and blue exchanged. */
static u32 vga_colour(u32 ansi)
{
	return (ansi & 0xa) | (ansi & 1) << 2 | (ansi >> 2 & 1);
}

static u32 level(u32 eight_bits, u32 size, u32 at)
{
	return size == 0 || size > 8 || at > 31 ? 0 : eight_bits >> (8 - size) << at;
}

static u32 pixel_of(const struct screen *s, u32 colour)
{
	if (s->depth == 0)
		return vga_colour(colour);
	return level(rgb[colour] >> 16, s->red_size, s->red_at) |
	       level(rgb[colour] >> 8 & 0xff, s->green_size, s->green_at) |
	       level(rgb[colour] & 0xff, s->blue_size, s->blue_at);
}

static display_cell make_cell(u32 byte, u32 ink, u32 paper)
{
	return (display_cell)(paper << 12 | ink << 8 | byte);
}

static display_cell blank(const struct display *d)
{
	return make_cell(' ', INK, d->inverse ? 0 : d->paper);
}

/* --- what stands there when root begins: ring 0's log, in light on dark --- */

/* A row of a character's pixels as the font has them. */
static u8 read_bits(const struct canvas *c, u32 column, u32 row, u32 y)
{
	const u8 *at = c->memory + (row * FONT_HEIGHT + y) * c->scale * c->pitch +
	               column * FONT_WIDTH * c->scale * c->bytes;
	u32 bits = 0;

	for (u32 x = 0; x < FONT_WIDTH; x++, at += c->scale * c->bytes)
		bits = bits << 1 | (*(const volatile u8 *)at != 0);
	return (u8)bits;
}

static u8 read_byte(const struct canvas *c, u32 column, u32 row)
{
	u8 shape[FONT_HEIGHT], byte;

	if (c->bytes == 0) {
		byte = *(const volatile u8 *)(c->memory + row * c->pitch + 2 * column);
		return byte > ' ' && byte < 127 ? byte : ' ';
	}
	for (u32 y = 0; y < FONT_HEIGHT; y++)
		shape[y] = read_bits(c, column, row, y);
	for (u32 i = ' '; i < 127; i++)
		if (memcmp(shape, font[i], sizeof(shape)) == 0)
			return (u8)i;
	return ' ';
}

/* False: the row is blank. */
static bool read_row(struct display *d, u32 y)
{
	bool used = false;

	for (u32 x = 0; x < d->columns; x++) {
		u8 byte = read_byte(&d->canvas, x, y);

		d->shown[y][x] = make_cell(byte, INK, 0);
		used |= byte != ' ';
	}
	return used;
}

void display_init(struct display *d, const struct screen *screen, void *memory)
{
	*d = (struct display){ .out = { display_put }, .ink = INK, .dirty = true };
	canvas_init(&d->canvas, screen, memory);
	d->columns = MIN(d->canvas.columns, DISPLAY_COLUMNS);
	d->rows = MIN(d->canvas.rows, DISPLAY_ROWS);
	for (u32 i = 0; i < ARRAY_SIZE(rgb); i++)
		d->pixel[i] = pixel_of(screen, i);
	for (u32 y = 0; y < d->rows; y++)
		for (u32 x = 0; x < d->columns; x++)
			d->shown[y][x] = make_cell(' ', INK, 0);
	while (d->y + 1 < d->rows && read_row(d, d->y))
		d->y++;
	memcpy(d->cell, d->shown, sizeof(d->cell));
}

/* --- cells --- */

void display_erase(struct display *d, u32 y, u32 from, u32 to)
{
	for (u32 x = from; x < to && x < d->columns; x++)
		d->cell[y][x] = blank(d);
}

void display_scroll(struct display *d, u32 from, u32 n, bool up)
{
	u32 rows = d->rows - from;

	n = MIN(n, rows);
	if (up)
		memmove(d->cell[from], d->cell[from + n], (rows - n) * sizeof(d->cell[0]));
	else
		memmove(d->cell[from + n], d->cell[from], (rows - n) * sizeof(d->cell[0]));
	for (u32 i = 0; i < n; i++)
		display_erase(d, up ? d->rows - 1 - i : from + i, 0, d->columns);
}

void display_newline(struct display *d)
{
	d->lines++;
	if (d->y + 1 < d->rows)
		d->y++;
	else
		display_scroll(d, 0, 1, true);
}

void display_letter(struct display *d, u8 byte)
{
	if (d->x == d->columns) {
		d->x = 0;
		display_newline(d);
	}
	d->cell[d->y][d->x++] = d->inverse ? make_cell(byte, d->paper, d->ink)
	                                   : make_cell(byte, d->ink, d->paper);
}

void display_shift(struct display *d, u32 n, bool left)
{
	display_cell *row = d->cell[d->y];
	u32 x = MIN(d->x, d->columns - 1), room = d->columns - x;

	n = MIN(n, room);
	if (left)
		memmove(&row[x], &row[x + n], (room - n) * sizeof(*row));
	else
		memmove(&row[x + n], &row[x], (room - n) * sizeof(*row));
	display_erase(d, d->y, left ? d->columns - n : x, left ? d->columns : x + n);
}

/* --- the screen --- */

static display_cell swapped(display_cell cell)
{
	return (display_cell)((cell & 0xff) | (cell >> 4 & 0xf00) | (cell << 4 & 0xf000));
}

static void draw_cell(struct display *d, u32 x, u32 y)
{
	bool cursor = !d->hidden && y == d->y && x == MIN(d->x, d->columns - 1);
	display_cell cell = cursor ? swapped(d->cell[y][x]) : d->cell[y][x];

	if (cell == d->shown[y][x])
		return;
	d->shown[y][x] = cell;
	/* Beyond ASCII text mode has another set of characters. */
	canvas_put(&d->canvas, x, y, d->canvas.bytes == 0 && (cell & 0x80) != 0 ? '?' : (u8)cell,
	           d->pixel[cell >> 8 & 15], d->pixel[cell >> 12]);
}

void display_draw(struct display *d)
{
	for (u32 y = 0; d->dirty && y < d->rows; y++)
		for (u32 x = 0; x < d->columns; x++)
			draw_cell(d, x, y);
	d->dirty = false;
}
