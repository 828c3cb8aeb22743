/* SPDX-License-Identifier: MIT */
/* Boot information crafted tag by tag: whole, cut at every length, damaged at random. */
#include "hv/kernel/boot/multiboot2.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The structure under construction, on the heap at its exact size so that ASan sees a step outside.
 */
static u8 *mbi;
static size_t mbi_size;
static struct boot_info info;

static void begin(void)
{
	mbi_size = 8;
	mbi = calloc(1, mbi_size);
	ck_assert_ptr_nonnull(mbi);
}

static void add_tag(u32 type, const void *body, u32 size)
{
	const u32 header[] = { type, 8 + size };
	size_t padded = (8 + size + 7) & ~7ul;

	mbi = realloc(mbi, mbi_size + padded);
	ck_assert_ptr_nonnull(mbi);
	memset(mbi + mbi_size, 0, padded);
	memcpy(mbi + mbi_size, header, 8);
	if (size != 0)
		memcpy(mbi + mbi_size + 8, body, size);
	mbi_size += padded;
}

static const char *parse(void)
{
	u32 total = (u32)mbi_size;

	memcpy(mbi, &total, 4);
	return multiboot2_parse(mbi, &info);
}

static void add_module(u32 start, u32 end, const char *text)
{
	u8 body[300] = { 0 };

	memcpy(body, &start, 4);
	memcpy(body + 4, &end, 4);
	strncpy((char *)body + 8, text, 250);
	add_tag(3, body, (u32)(8 + strlen((char *)body + 8) + 1));
}

static void add_map(void)
{
	static const u32 body[] = {
		24,       0,                             /* entry size, version */
		0,        0,          0x9fc00,  0, 1, 0, /* RAM */
		0x9fc00,  0,          0,        0, 2, 0, /* empty: dropped */
		0x100000, 0,          0x700000, 0, 1, 0, /* RAM */
		0,        0x80000000, 0,        1, 1, 0, /* beyond the direct map: dropped */
		0,        0x3fff,     0,        2, 1, 0, /* cut at its end */
	};

	add_tag(6, body, sizeof(body));
}

static void add_symbols(u32 link, u64 strings_size)
{
	u64 body[(12 + 2 * 64 + 4) / 8] = { 0 };
	u32 head[] = { 2, 64, 0 };
	u8 *p = (u8 *)body;
	u64 symbols[] = { 0x123000, 0, 48 }; /* address, offset, size */
	u64 strings[] = { 0x124000, 0, strings_size };
	u32 type = 2;

	memcpy(p, head, 12);
	memcpy(p + 12 + 4, &type, 4);
	memcpy(p + 12 + 16, symbols, 24);
	memcpy(p + 12 + 40, &link, 4);
	memcpy(p + 12 + 64 + 16, strings, 24);
	add_tag(9, p, 12 + 128);
}

static void build_whole(void)
{
	u8 rsdp[36] = "RSD PTR ";

	begin();
	add_tag(1, "console=com2 crash=poweroff", 28);
	add_tag(2, "GRUB", 5);
	add_module(0x200000, 0x200123, "vm name=a -- x y");
	add_module(0x300000, 0x300000, "");
	add_map();
	add_tag(8, "\0\0\0\xe0\0\0\0\0\0\x10\0\0\0\4\0\0\0\3\0\0\x20\1\0\0\x10\x08\x08\x08\0\x08",
	        30);
	add_tag(15, rsdp, 36);
	add_tag(14, rsdp, 20);
	add_symbols(1, 100);
	add_tag(0, NULL, 0);
}

/* A framebuffer of that many bytes a line and bits a pixel; the tag as GRUB makes it. */
static const char *parse_with_screen(u64 address, u32 pitch, u32 width, u32 height, u8 depth,
                                     u8 type)
{
	u8 body[30] = { 0 };

	memcpy(body, &address, 8);
	memcpy(body + 8, &pitch, 4);
	memcpy(body + 12, &width, 4);
	memcpy(body + 16, &height, 4);
	body[20] = depth;
	body[21] = type;
	memcpy(body + 24, "\x10\x08\x08\x08\x00\x08", 6);
	begin();
	add_map();
	add_tag(8, body, type == 1 ? 30 : 24);
	add_tag(0, NULL, 0);
	return parse();
}

START_TEST(screens)
{
	static const struct {
		u64 address;
		u32 pitch, width, height;
		u8 depth, type;
		u64 taken; /* 0: it is none that we can use */
		u8 taken_depth;
	} cases[] = {
		{ 0xe0000000, 4096, 1024, 768, 32, 1, 0xe0000000, 32 },
		{ 0x4000000000, 2400, 800, 600, 24, 1, 0x4000000000, 24 },
		{ 0xe0000000, 2048, 1024, 768, 16, 1, 0xe0000000, 16 },
		{ 0xb8000, 160, 80, 25, 16, 2, 0xb8000, 0 },
		{ 0xa0000, 320, 320, 200, 8, 0, 0, 0 },      /* a palette */
		{ 0xe0000000, 1024, 1024, 768, 8, 1, 0, 0 }, /* depths */
		{ 0xe0000000, 4096, 512, 768, 64, 1, 0, 0 },
		{ 0xe0000000, 2048, 1024, 768, 15, 1, 0, 0 },
		{ 0xe0000004, 4096, 1024, 768, 32, 1, 0, 0 }, /* not at a page's begin */
		{ 0xe0000000, 4095, 1024, 768, 32, 1, 0, 0 }, /* too short a line */
		{ 0xe0000000, 0, UINT32_MAX, 768, 32, 1, 0, 0 },
		{ 0xe0000000, UINT32_MAX, 1024, UINT32_MAX, 32, 1, 0, 0 }, /* too large */
		{ 1ull << 46, 4096, 1024, 768, 32, 1, 0, 0 },              /* too far */
		{ 0xe0000000, 4096, 1024, 768, 32, 9, 0, 0 },              /* an unknown kind */
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_ptr_null(parse_with_screen(cases[i].address, cases[i].pitch,
		                                     cases[i].width, cases[i].height,
		                                     cases[i].depth, cases[i].type));
		ck_assert_uint_eq(info.screen.address, cases[i].taken);
		ck_assert_uint_eq(info.screen.depth, cases[i].taken_depth);
		if (cases[i].taken_depth != 0) {
			ck_assert_uint_eq(info.screen.width, cases[i].width);
			ck_assert_uint_eq(info.screen.red_at, 16);
			ck_assert_uint_eq(info.screen.blue_size, 8);
		}
		free(mbi);
	}
	begin();
	add_map();
	add_tag(0, NULL, 0);
	ck_assert_ptr_null(parse());
	ck_assert_uint_eq(info.screen.address, 0xb8000); /* the loader says nothing: text mode */
	ck_assert_uint_eq(info.screen.width, 80);
	free(mbi);
}
END_TEST

START_TEST(whole)
{
	build_whole();
	ck_assert_ptr_null(parse());
	ck_assert_str_eq(info.cmdline, "console=com2 crash=poweroff");
	ck_assert_uint_eq(info.module_count, 2);
	ck_assert_uint_eq(info.modules[0].start.raw, 0x200000);
	ck_assert_uint_eq(info.modules[0].end.raw, 0x200123);
	ck_assert_str_eq(info.modules[0].text, "vm name=a -- x y");
	ck_assert_str_eq(info.modules[1].text, "");
	ck_assert_uint_eq(info.region_count, 3);
	ck_assert_uint_eq(info.regions[1].start.raw, 0x100000);
	ck_assert_uint_eq(info.regions[1].end.raw, 0x800000);
	ck_assert_uint_eq(info.regions[2].end.raw, 1ull << 46);
	ck_assert_uint_eq(info.rsdp_size, 36);
	ck_assert_uint_eq(info.symtab.raw, 0x123000);
	ck_assert_uint_eq(info.symtab_size, 48);
	ck_assert_uint_eq(info.strtab.raw, 0x124000);
	ck_assert_uint_eq(info.strtab_size, 100);
	free(mbi);
}
END_TEST

START_TEST(cut_at_every_length)
{
	build_whole();
	for (size_t full = mbi_size; mbi_size > 8; mbi_size--) {
		u8 *whole_mbi = mbi;

		mbi = malloc(mbi_size);
		ck_assert_ptr_nonnull(mbi);
		memcpy(mbi, whole_mbi, mbi_size);
		ck_assert_int_eq(parse() == NULL, mbi_size == full);
		free(mbi);
		mbi = whole_mbi;
	}
	free(mbi);
}
END_TEST

START_TEST(bytes_changed_at_random)
{
	srand(4);
	for (int round = 0; round < 10000; round++) {
		build_whole();
		for (int i = 0; i < 4; i++)
			mbi[8 + (size_t)rand() % (mbi_size - 8)] = (u8)(rand() % 2 ? rand()
			                                                           : rand() % 64);
		if (parse() == NULL) {
			ck_assert_uint_le(info.module_count, BOOT_MODULES_MAX);
			for (u32 i = 0; i < info.module_count; i++)
				ck_assert_uint_le(info.modules[i].start.raw,
				                  info.modules[i].end.raw);
		}
		free(mbi);
	}
}
END_TEST

START_TEST(modules_at_the_limit)
{
	for (u32 count = BOOT_MODULES_MAX; count <= BOOT_MODULES_MAX + 1; count++) {
		begin();
		for (u32 i = 0; i < count; i++)
			add_module(0x200000, 0x300000, "x");
		add_map();
		add_tag(0, NULL, 0);
		ck_assert_int_eq(parse() == NULL, count == BOOT_MODULES_MAX);
		free(mbi);
	}
}
END_TEST

START_TEST(text_at_the_limit)
{
	char text[241];
	u32 fits = BOOT_TEXT_MAX / sizeof(text);

	memset(text, 'x', 240);
	text[240] = '\0';
	for (u32 count = fits; count <= fits + 1; count++) {
		begin();
		for (u32 i = 0; i < count; i++)
			add_module(0x200000, 0x300000, text);
		add_map();
		add_tag(0, NULL, 0);
		ck_assert_int_eq(parse() == NULL, count == fits);
		free(mbi);
	}
}
END_TEST

START_TEST(modules_with_bad_ranges)
{
	static const u32 rows[][2] = { { 0x300000, 0x2fffff }, { 0x200001, 0x300000 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		add_module(rows[i][0], rows[i][1], "x");
		add_map();
		add_tag(0, NULL, 0);
		ck_assert_ptr_nonnull(parse());
		free(mbi);
	}
}
END_TEST

START_TEST(no_memory_map)
{
	begin();
	add_tag(0, NULL, 0);
	ck_assert_ptr_nonnull(parse());
	ck_assert_str_eq(info.cmdline, "");
	free(mbi);
}
END_TEST

START_TEST(symbols_that_do_not_hold_are_left_out)
{
	begin();
	add_symbols(2, 100); /* no such section */
	add_symbols(1, 1ull << 47);
	add_map();
	add_tag(0, NULL, 0);
	ck_assert_ptr_null(parse());
	ck_assert_uint_eq(info.symtab.raw, 0);
	free(mbi);
}
END_TEST

START_TEST(options)
{
	char out[8];

	ck_assert(boot_option("a=1 bb=22 c", "bb=", out, sizeof(out)));
	ck_assert_str_eq(out, "22");
	ck_assert(boot_option("  a=1", "a=", out, sizeof(out)));
	ck_assert(boot_option("x=y a=0123456789", "a=", out, sizeof(out)));
	ck_assert_str_eq(out, "0123456");
	ck_assert(boot_option("a= b", "a=", out, sizeof(out)));
	ck_assert_str_eq(out, "");
	ck_assert(!boot_option("xa=1", "a=", out, sizeof(out)));
	ck_assert(!boot_option("", "a=", out, sizeof(out)));
	ck_assert(!boot_option("b ", "a=", out, sizeof(out)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("multiboot2");
	TCase *tests = tcase_create("multiboot2");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, whole);
	tcase_add_test(tests, cut_at_every_length);
	tcase_add_test(tests, bytes_changed_at_random);
	tcase_add_test(tests, modules_at_the_limit);
	tcase_add_test(tests, text_at_the_limit);
	tcase_add_test(tests, modules_with_bad_ranges);
	tcase_add_test(tests, no_memory_map);
	tcase_add_test(tests, symbols_that_do_not_hold_are_left_out);
	tcase_add_test(tests, options);
	tcase_add_test(tests, screens);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
