/* SPDX-License-Identifier: MIT */
/* Root on a screen: chosen by a key or for want of a serial port, typed at, read in pages. */
#include "tests/unit/root_world.h"

#define ROWS 25u

/* A row of what is shown, without the blanks at its end. */
static const char *row(u32 y)
{
	static char text[81];
	u32 n = 0;

	for (u32 x = 0; x < 80; x++) {
		u8 byte = screen.memory[160 * y + 2 * x];

		text[x] = byte == 0 ? ' ' : (char)byte;
		n = text[x] != ' ' ? x + 1 : n;
	}
	text[n] = 0;
	return text;
}

/* The first row from `from` on that holds the words; ROWS: none. */
static u32 find(u32 from, const char *words)
{
	while (from < ROWS && strstr(row(from), words) == NULL)
		from++;
	return from;
}

static bool shows(const char *words)
{
	steps(400);
	return find(0, words) < ROWS;
}

/* Keys of a US layout's first letters, as scan codes; small letters and return only. */
static void press(const char *text)
{
	static const char keys[] = "qwertyuiop[]\r asdfghjkl;'` \\zxcvbnm";
	static char scans[256];
	u32 n = 0;

	for (; *text != 0; text++) {
		char code = *text == ' ' ? 0x39 : (char)(0x10 + (strchr(keys, *text) - keys));

		scans[n++] = code;
		scans[n++] = (char)(code | 0x80);
	}
	scans[n] = 0;
	screen.scans = scans;
	steps(400);
}

static void boot_on(bool absent, bool keyboard, const char *options)
{
	line.absent = absent;
	screen.keyboard = keyboard;
	boot(options, two);
	steps(400);
}

START_TEST(which_console)
{
	static const struct {
		const char *options;
		bool absent, serial, screen;
	} cases[] = {
		{ "", false, true, false },
		{ "", true, false, true },
		{ "console=com1", true, false, false },
		{ "console=screen", false, false, true },
		{ "console=serial,screen", false, true, true },
		{ "console=com1,screen", false, true, true },
		{ "console=serial", false, true, false },
		{ "console=none", true, false, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		boot_on(cases[i].absent, true, cases[i].options);
		ck_assert_msg(shows("2 cores, 1024 MiB free") == cases[i].screen, "%s",
		              cases[i].options);
		ck_assert_msg((strstr(line.sent[0], "MiB free") != NULL) == cases[i].serial, "%s",
		              cases[i].options);
	}
	line.absent = false;
	boot_on(false, true, "console=com3");
	ck_assert_uint_eq(root.config.errors, 1);
	ck_assert_holds(line.sent[0], "console= wants com1, com2 or serial, screen, both");
}
END_TEST

START_TEST(typed_on_the_keyboard)
{
	boot_on(false, true, "console=screen");
	press("vms\r");
	ck_assert(shows("tapvisor> vms"));
	ck_assert(shows("VM               id state"));
	ck_assert_uint_eq(line.n[0], 0);
	vm_writes(1, CONSOLE_COM1, "hello\n");
	ck_assert(shows("[a] hello"));
	/* Both at once: the same on either, typed at either. */
	boot_on(false, true, "console=serial,screen");
	press("vms\r");
	ck_assert(shows("VM               id state"));
	ck_assert_holds(line.sent[0], "VM               id state");
	type("help\r");
	ck_assert(shows("this list"));
}
END_TEST

/* A page is a screen of lines, and the next comes at a key. */
START_TEST(pages_wait_for_keys)
{
	boot_on(true, true, "");
	press("help\r");
	ck_assert(shows("power-off"));
	ck_assert(!shows("-- more"));
	press("report\r");
	ck_assert(shows("-- more: any key; q: no more --"));
	ck_assert_str_eq(row(0), "(ticks: instructions in Bochs, no hardware exit cost)");
	steps(10000);
	ck_assert_str_eq(row(0), "(ticks: instructions in Bochs, no hardware exit cost)");
	press("q");
	ck_assert(!shows("-- more"));
	ck_assert_str_eq(row(ROWS - 1), "tapvisor>");
	ck_assert(!shows("Longest time with interrupts off"));
	press("report\r");
	ck_assert(shows("-- more"));
	press(" ");
	ck_assert(!shows("no hardware exit cost"));
	ck_assert(shows("Longest time with interrupts off"));
	ck_assert(!shows("-- more"));
	/* Lines of VMs do not wait. */
	for (u32 i = 0; i < 40; i++)
		vm_writes(1, CONSOLE_COM1, "a line\n");
	ck_assert(shows("[a] a line"));
	ck_assert(!shows("-- more"));
}
END_TEST

/* The machine stays on until its last page has been read. */
START_TEST(final_pages)
{
	static const char *const one[] = { "root", "monitor", "vm name=a", NULL };
	u32 pages = 0;

	line.absent = true;
	screen.keyboard = true;
	boot("batch", one);
	steps(100);
	end_vm(1, END_DEBUG_EXIT, 0);
	kernel.impatient = 2000; /* so many sleeps, and a key is pressed */
	steps(10);
	ck_assert_uint_eq(kernel.off, 1);
	pages = kernel.keys;
	ck_assert_uint_ge(pages, 2);
	ck_assert_uint_lt(find(0, "verdict: ok"), ROWS);
	/* Without a keyboard they stand for a while each, and nothing waits for ever. */
	screen.keyboard = false;
	boot("batch", one);
	steps(100);
	end_vm(1, END_DEBUG_EXIT, 0);
	kernel.impatient = 0;
	steps(10);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_uint_ge(kernel.now, (u64)pages * 10 * HZ);
}
END_TEST

RING3_MAIN("root_screen", which_console, typed_on_the_keyboard, pages_wait_for_keys, final_pages)
