/* SPDX-License-Identifier: MIT */
/* The screen as a terminal: what is written is read back from its pixels, by the font. */
#include "tests/unit/ring3.h"

#include <stdio.h>

#include "hv/base/font.h"
#include "hv/ring3/root/display.h"

#define WIDTH  1024u
#define HEIGHT 768u

static struct display d;
static u8 *memory; /* of the very size, so that ASan sees a step outside */
static struct screen screen;

static void make_screen(u32 width, u32 height, u8 depth)
{
	free(memory);
	screen = (struct screen){
		.address = 0xe0000000,
		.pitch = width * depth / 8,
		.width = width,
		.height = height,
		.depth = depth,
		.type = 1,
		.red_at = 16,
		.red_size = 8,
		.green_at = 8,
		.green_size = 8,
		.blue_size = 8,
	};
	if (depth == 0)
		screen.pitch = 2 * width;
	if (depth == 16)
		screen.red_at = 11, screen.red_size = 5, screen.green_at = 5, screen.green_size = 6,
		screen.blue_size = 5;
	memory = calloc(1, screen_size(&screen));
	ck_assert_ptr_nonnull(memory);
}

static void begin(u32 width, u32 height, u8 depth)
{
	make_screen(width, height, depth);
	display_init(&d, &screen, memory);
	d.hidden = true;
}

static void write(const char *text)
{
	d.out.put(&d.out, text, strlen(text));
	display_draw(&d);
}

static u32 pixel(u32 x, u32 y)
{
	u32 value = 0;

	memcpy(&value, memory + y * screen.pitch + x * screen.depth / 8, screen.depth / 8);
	return value;
}

/* The character whose pixels stand there; the colour of its upper left corner is the paper's. */
static char read_char(u32 column, u32 row)
{
	u32 scale = d.canvas.scale, left = column * 8 * scale, top = row * 16 * scale;

	if (screen.depth == 0 && memory[row * screen.pitch + 2 * column] == 0)
		return ' '; /* never written */
	if (screen.depth == 0)
		return (char)memory[row * screen.pitch + 2 * column];
	for (u32 i = ' '; i < 256; i++) {
		bool same = true;

		for (u32 y = 0; y < 16 * scale && same; y++)
			for (u32 x = 0; x < 8 * scale && same; x++)
				same = (pixel(left + x, top + y) != pixel(left, top)) ==
				       ((font[i][y / scale] << x / scale & 0x80) != 0);
		if (same)
			return (char)i;
	}
	return 1;
}

/* A row as it stands there, without what is blank at its end. */
static const char *row(u32 y)
{
	static char text[DISPLAY_COLUMNS + 1];
	u32 n = 0;

	for (u32 x = 0; x < d.columns; x++) {
		text[x] = read_char(x, y);
		n = text[x] != ' ' ? x + 1 : n;
	}
	text[n] = 0;
	return text;
}

#define ck_row(y, want) ck_assert_str_eq(row(y), want)

START_TEST(text_in_every_kind_of_pixel)
{
	static const struct {
		u32 width, height, depth, columns, rows;
	} kinds[] = {
		{ 1024, 768, 32, 128, 48 },  { 1024, 768, 24, 128, 48 },  { 800, 600, 16, 100, 37 },
		{ 1920, 1080, 32, 120, 33 }, { 3840, 2160, 32, 120, 33 }, { 640, 480, 32, 80, 30 },
		{ 5120, 1440, 32, 213, 30 }, { 80, 25, 0, 80, 25 },       { 768, 1366, 32, 96, 85 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		begin(kinds[i].width, kinds[i].height, (u8)kinds[i].depth);
		ck_assert_uint_eq(d.columns, kinds[i].columns);
		ck_assert_uint_eq(d.rows, kinds[i].rows);
		write("Tapvisor {0}\r\n  ~#|\r\n");
		ck_row(0, "Tapvisor {0}");
		ck_row(1, "  ~#|");
		ck_row(2, "");
	}
}
END_TEST

START_TEST(lines_wrap_and_scroll)
{
	char text[16];

	begin(80, 25, 0);
	for (u32 i = 0; i < 80; i++)
		write("x");
	ck_assert_uint_eq(d.y, 0); /* a full line is not yet the next */
	write("\r\nB");
	ck_row(1, "B");
	write("\033[2J\033[H");
	for (u32 i = 0; i < 81; i++)
		write("y");
	ck_row(1, "y");
	for (u32 i = 0; i < 60; i++) {
		(void)snprintf(text, sizeof(text), "\r\nline %u", i);
		write(text);
	}
	ck_row(24, "line 59");
	ck_row(0, "line 35");
	d.lines = 0;
	write("\n\n\r");
	ck_assert_uint_eq(d.lines, 2);
	ck_row(22, "line 59");
	ck_row(24, "");
}
END_TEST

START_TEST(the_cursor_moves)
{
	begin(80, 25, 0);
	write("\033[3;5Ha\033[Ab\033[2Bc\033[3Dd\033[9Ge\033[7df");
	ck_row(2, "    a");
	ck_row(1, "     b");
	ck_row(3, "    d c e");
	ck_row(6, "         f");
	write("\033[H\033[99A\033[99D<\033[99B\033[99C>");
	ck_row(0, "<");
	ck_assert_int_eq(read_char(79, 24), '>');
	write("\033[2;1H\tT\bU\r\033[5CV");
	ck_row(1, "     V  U");
	write("\033[999999999;0HX");
	ck_row(24,
	       "X                                                                              >");
	write("\033[1;1H\033ME\033[25;1H\033D\033E.");
	ck_row(24, ".");
}
END_TEST

START_TEST(erasing_and_shifting)
{
	begin(80, 25, 0);
	write("abcdef\r\nABCDEF\r\n123456\033[2;4H\033[K");
	ck_row(1, "ABC");
	write("\033[1;3H\033[1K");
	ck_row(0, "   def");
	write("\033[2;2H\033[J");
	ck_row(1, "A");
	ck_row(2, "");
	write("\033[2J\033[Habcdef\033[1;2H\033[2P");
	ck_row(0, "adef");
	write("\033[3@");
	ck_row(0, "a   def");
	write("\033[1;5H\033[2X");
	ck_row(0, "a     f");
	write("\r\n2\r\n3\r\n4\033[2;1H\033[L");
	ck_row(1, "");
	ck_row(2, "2");
	write("\033[2M");
	ck_row(1, "3");
	/* As the prompt goes away and comes back. */
	write("\033[H\033[2Jtapvisor> he\r\033[K[a] hi\r\ntapvisor> he");
	ck_row(0, "[a] hi");
	ck_row(1, "tapvisor> he");
}
END_TEST

START_TEST(colours)
{
	begin(WIDTH, HEIGHT, 32);
	write("\033[31mr\033[1mR\033[0mn\033[30;42mg\033[7mi\033[0m \033[38;5;200mx\033[96mc");
	ck_assert_uint_eq(pixel(8 * 0 + 1, 16 * 0 + 10) != 0, read_char(0, 0) == 'r');
	for (u32 i = 0, x = 0; i < 2; i++, x += 8) { /* the first that is set of each */
		u32 seen = 0;

		for (u32 at = 0; at < 128 && seen == 0; at++)
			seen = pixel(x + at % 8, at / 8);
		ck_assert_uint_eq(seen, i == 0 ? 0xaa0000 : 0xff5555);
	}
	ck_assert_uint_eq(pixel(8 * 3, 0), 0x00aa00);
	ck_assert_uint_eq(pixel(8 * 4, 0), 0x000000);
	ck_row(0, "rRngi xc");
	d.hidden = false;
	write("");
	d.dirty = true;
	display_draw(&d);
	ck_assert_uint_eq(pixel(8 * 8, 0), 0xaaaaaa); /* the cursor */
	write("\r\033[?25l");
	ck_assert_uint_eq(pixel(8 * 8, 0), 0);
	begin(80, 25, 0);
	write("\033[31;44mx");
	ck_assert_uint_eq(memory[1], 0x14); /* red on blue, by VGA's numbers */
}
END_TEST

START_TEST(letters_beyond_ascii)
{
	begin(WIDTH, HEIGHT, 32);
	write("\xc3\xa4\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80\x80\xc3x\x7f.");
	ck_assert_str_eq(row(0), "\xe4\xdf????x?.");
	begin(80, 25, 0);
	write("\xc3\xa4");
	ck_row(0, "?");
}
END_TEST

START_TEST(strings_and_unknown_sequences_are_swallowed)
{
	begin(80, 25, 0);
	write("a\033]0;title\007b\033Pq\033\\c\033(Bd\033[>ce\033[5 qf\033[?7hg\033=h\033[12;x\x01i");
	ck_row(0, "abcdefghi");
}
END_TEST

/* What ring 0 has printed stays, and goes up with the rest. */
START_TEST(what_stood_there_stays)
{
	static const char *const log[] = { "memory: 100 MiB free", "cores: 2, x2APIC" };
	static const u8 depths[] = { 32, 24, 16 };

	for (u32 i = 0; i <= ARRAY_SIZE(depths); i++) {
		struct canvas c;

		if (i < ARRAY_SIZE(depths))
			make_screen(1920, 1080, depths[i]);
		else
			make_screen(80, 25, 0);
		canvas_init(&c, &screen, memory);
		for (u32 at = 0; at < c.columns * c.rows; at++)
			canvas_put(&c, at % c.columns, at / c.columns, ' ', c.ink, 0);
		for (u32 y = 0; y < 2; y++)
			for (u32 x = 0; log[y][x] != 0; x++)
				canvas_put(&c, x, y, (u8)log[y][x], c.ink, 0);
		display_init(&d, &screen, memory);
		ck_assert_uint_eq(d.y, 2);
		write("next");
		ck_row(0, log[0]);
		ck_row(2, "next");
		for (u32 y = 3; y <= d.rows; y++)
			write("\r\n");
		ck_row(0, log[1]);
	}
}
END_TEST

/* Only what has changed is drawn: a screen is slow. */
START_TEST(only_changes_are_drawn)
{
	begin(WIDTH, HEIGHT, 32);
	write("hello");
	memset(memory, 0x11, screen_size(&screen));
	write("\rhellO");
	ck_assert_uint_eq(pixel(0, 0), 0x11111111);
	ck_assert_uint_eq(pixel(8 * 4, 0), 0);
	ck_assert_uint_eq(pixel(8 * 5, 0), 0x11111111);
}
END_TEST

/* Whatever a VM with the focus writes: nothing outside, and the cursor on the screen. */
START_TEST(random_bytes)
{
	static const char pieces[] =
		"\033\033[[;;?0123456789ABCDGHJKLMPX@dfmhlr\r\n\t\b\x9b\xc3\xe2 x";
	u32 seed = 1;

	begin(640, 480, 32);
	d.hidden = false;
	for (u32 i = 0; i < 200000; i++) {
		char byte;

		seed = seed * 1103515245 + 12345;
		byte = i % 3 == 0 ? (char)(seed >> 16) : pieces[(seed >> 16) % sizeof(pieces)];
		d.out.put(&d.out, &byte, 1);
		ck_assert_uint_lt(d.y, d.rows);
		ck_assert_uint_le(d.x, d.columns);
		if (i % 5000 == 0)
			display_draw(&d);
	}
	display_draw(&d);
	write("\030\033\\\033[0m\033[2J\033[Hstill there");
	ck_row(0, "still there");
}
END_TEST

RING3_MAIN("root_display", text_in_every_kind_of_pixel, lines_wrap_and_scroll, the_cursor_moves,
           erasing_and_shifting, colours, letters_beyond_ascii,
           strings_and_unknown_sequences_are_swallowed, what_stood_there_stays,
           only_changes_are_drawn, random_bytes)
