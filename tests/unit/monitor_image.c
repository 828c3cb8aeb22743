/* SPDX-License-Identifier: MIT */
/* Images made byte by byte: whole ones load where they say, damaged ones are named and refused. */
#include "tests/unit/ring3.h"

#include "hv/ring3/monitor/image.h"

#define MEMORY    0x400000u
#define FILE_SIZE 0x3000u

static u8 file[FILE_SIZE];
static u8 memory[MEMORY];
static struct image image;

struct phdr64 {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct phdr32 {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

static void put16(u32 at, u32 v)
{
	memcpy(file + at, &v, 2);
}

static void put32(u32 at, u32 v)
{
	memcpy(file + at, &v, 4);
}

static void put64(u32 at, u64 v)
{
	memcpy(file + at, &v, 8);
}

static enum image_error decode(u64 size)
{
	/* A copy of exact size, so that the sanitizer sees every byte read beyond it. */
	u8 *exact = malloc(size > 0 ? size : 1);
	enum image_error error;

	memcpy(exact, file, size);
	error = image_decode((struct view){ exact, size }, MEMORY, &image);
	if (error == IMAGE_OK)
		image_commit(&image, (struct view){ exact, size },
		             &(struct guest_memory){ memory, MEMORY });
	free(exact);
	return error;
}

/* An ELF64 with one PT_LOAD at 1 MiB, 0x100 bytes of 0xab and as many zeros, and a PVH note. */
static void make_elf64(void)
{
	const struct phdr64 load = { 1, 5, 0x1000, 0xffffffff80100000, 0x100000, 0x100, 0x200, 0 };
	const struct phdr64 note = { 4, 4, 0x800, 0, 0, 20, 20, 4 };

	memset(file, 0, sizeof(file));
	memset(memory, 0xcc, sizeof(memory));
	memcpy(file, "\177ELF\2\1\1", 7);
	put16(16, 2);
	put16(18, 62);
	put64(24, 0xffffffff80100010); /* entry */
	put64(32, 64);
	put16(54, sizeof(load));
	put16(56, 2);
	memcpy(file + 64, &load, sizeof(load));
	memcpy(file + 64 + sizeof(load), &note, sizeof(note));
	put32(0x800, 4);
	put32(0x804, 4);
	put32(0x808, 18);
	memcpy(file + 0x80c, "Xen", 4);
	put32(0x810, 0x100020);
	memset(file + 0x1000, 0xab, 0x100);
}

static void make_elf32(void)
{
	const struct phdr32 load = { 1, 0x1000, 0x100000, 0x100000, 0x100, 0x200, 5, 0 };

	memset(file, 0, sizeof(file));
	memset(memory, 0xcc, sizeof(memory));
	memcpy(file, "\177ELF\1\1\1", 7);
	put16(16, 2);
	put16(18, 3);
	put32(24, 0x100010);
	put32(28, 52);
	put16(42, sizeof(load));
	put16(44, 1);
	memcpy(file + 52, &load, sizeof(load));
	memset(file + 0x1000, 0xab, 0x100);
}

static void put_mb1(u32 at, u32 flags)
{
	put32(at, 0x1badb002);
	put32(at + 4, flags);
	put32(at + 8, 0u - 0x1badb002u - flags);
}

static void put_mb2(u32 at, u32 length)
{
	put32(at, 0xe85250d6);
	put32(at + 4, 0);
	put32(at + 8, length);
	put32(at + 12, 0u - 0xe85250d6u - length);
}

static void put_tag(u32 at, u32 type, u32 flags, u32 size)
{
	put16(at, type);
	put16(at + 2, flags);
	put32(at + 4, size);
}

static void assert_loaded(void)
{
	ck_assert_int_eq(memory[0xfffff], 0xcc);
	ck_assert_int_eq(memory[0x100000], 0xab);
	ck_assert_int_eq(memory[0x1000ff], 0xab);
	ck_assert_int_eq(memory[0x100100], 0);
	ck_assert_int_eq(memory[0x1001ff], 0);
	ck_assert_int_eq(memory[0x100200], 0xcc);
}

START_TEST(pvh)
{
	make_elf64();
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_int_eq(image.protocol, PROTOCOL_PVH);
	ck_assert_uint_eq(image.entry, 0x100020);
	assert_loaded();
	ck_assert_uint_eq(image_end(&image), 0x100200);
	ck_assert(image_covers(&image, 0x1001ff, 1));
	ck_assert(!image_covers(&image, 0x100200, 0x1000));
}
END_TEST

START_TEST(pvh_note_is_the_second)
{
	make_elf64();
	/* Another note before it, whose name is padded. */
	put64(64 + 56 + 32, 20 + 24);
	memmove(file + 0x818, file + 0x800, 20);
	put32(0x800, 5);
	put32(0x804, 3);
	put32(0x808, 1);
	memcpy(file + 0x80c, "Linu\0\0\0\0abc", 12);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_uint_eq(image.entry, 0x100020);
}
END_TEST

START_TEST(multiboot1_elf)
{
	make_elf32();
	put_mb1(0x200, 3);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_int_eq(image.protocol, PROTOCOL_MULTIBOOT1);
	ck_assert_uint_eq(image.entry, 0x100010);
	assert_loaded();
	/* An ELF64's virtual entry is translated. */
	make_elf64();
	put_mb1(0x200, 3);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_int_eq(image.protocol, PROTOCOL_MULTIBOOT1);
	ck_assert_uint_eq(image.entry, 0x100010);
}
END_TEST

START_TEST(multiboot1_raw)
{
	memset(file, 0xab, sizeof(file));
	memset(memory, 0xcc, sizeof(memory));
	put_mb1(0x40, 1u << 16);
	put32(0x4c, 0x100040); /* header */
	put32(0x50, 0x100000); /* load */
	put32(0x54, 0x100100); /* load end */
	put32(0x58, 0x100200); /* bss end */
	put32(0x5c, 0x100060);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_uint_eq(image.entry, 0x100060);
	assert_loaded();
	/* Ends of 0: the whole file, no bss. */
	put32(0x54, 0);
	put32(0x58, 0);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_uint_eq(image_end(&image), 0x100000 + FILE_SIZE);
}
END_TEST

START_TEST(multiboot1_refused)
{
	static const struct {
		u32 at, value;
		enum image_error error;
	} cases[] = {
		{ 0x4c, 0x1000, IMAGE_ADDRESS_FIELDS },   /* load behind the file */
		{ 0x4c, 0x100041, IMAGE_ADDRESS_FIELDS }, /* load before the file */
		{ 0x54, 0xfffff, IMAGE_ADDRESS_FIELDS },  /* end below load */
		{ 0x58, 0x1000ff, IMAGE_ADDRESS_FIELDS }, /* bss ends below the data's end */
		{ 0x54, 0x200000, IMAGE_ADDRESS_FIELDS }, /* ... likewise */
		{ 0x58, 0xffffffff, IMAGE_TOO_HIGH },     { 0x5c, 0x100200, IMAGE_ENTRY },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(file, 0, sizeof(file));
		put_mb1(0x40, 1u << 16);
		put32(0x4c, 0x100040);
		put32(0x50, 0x100000);
		put32(0x54, 0x100100);
		put32(0x58, 0x100200);
		put32(0x5c, 0x100060);
		put32(cases[i].at, cases[i].value);
		ck_assert_msg(decode(FILE_SIZE) == cases[i].error, "case %u", i);
	}
	/* Data that the file does not hold. */
	put32(0x5c, 0x100060);
	put32(0x54, 0x100000 + FILE_SIZE + 1);
	put32(0x58, 0);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_TRUNCATED);
	/* A feature that must be understood. */
	make_elf32();
	put_mb1(0x200, 8);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_FEATURE);
}
END_TEST

START_TEST(multiboot2_elf)
{
	make_elf64();
	put_mb2(0x200, 48);
	put_tag(0x210, 1, 0, 16); /* requests: memory map, RSDP */
	put32(0x218, 6);
	put32(0x21c, 15);
	put_tag(0x220, 6, 0, 8);
	put_tag(0x228, 0, 0, 8);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_int_eq(image.protocol, PROTOCOL_MULTIBOOT2);
	ck_assert_uint_eq(image.entry, 0x100010);
	assert_loaded();
	/* Requests: known though not there; unknown, first required, then optional. */
	put32(0x21c, 8);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	put32(0x21c, 22);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_FEATURE);
	put_tag(0x210, 1, 1, 16);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	/* An unknown tag, likewise. */
	put_tag(0x210, 99, 0, 16);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_FEATURE);
	put_tag(0x210, 99, 1, 16);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	/* Sizes that cannot be. */
	put_tag(0x210, 99, 1, 7);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_TRUNCATED);
	put_tag(0x210, 99, 1, 0xffffffff);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_TRUNCATED);
}
END_TEST

START_TEST(multiboot2_raw)
{
	memset(file, 0xab, sizeof(file));
	memset(memory, 0xcc, sizeof(memory));
	put_mb2(0x40, 64);
	put_tag(0x50, 2, 0, 24);
	put32(0x58, 0x100040);
	put32(0x5c, 0xffffffff); /* from the file's start */
	put32(0x60, 0x100100);
	put32(0x64, 0x100200);
	put_tag(0x68, 3, 0, 12);
	put32(0x70, 0x100044);
	put_tag(0x78, 0, 0, 8);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_uint_eq(image.entry, 0x100044);
	assert_loaded();
	put32(0x58, 0xffff0); /* as GRUB: the part begins 16 bytes behind the header */
	put32(0x5c, 0x100000);
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_uint_eq(image.segment[0].offset, 0x50);
	ck_assert_uint_eq(image.segment[0].gpa, 0x100000);
	ck_assert_uint_eq(image.segment[0].file_size, 0x100);
	put32(0x5c, 0xffffffff);
	put32(0x58, 0x3f); /* the file would begin below 0 */
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_ADDRESS_FIELDS);
	put32(0x58, 0x100040);
	put_tag(0x68, 6, 0, 12); /* addresses, but no entry */
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_ADDRESS_FIELDS);
}
END_TEST

START_TEST(elf_refused)
{
	static const struct {
		u32 at, size;
		u64 value;
		enum image_error error;
	} cases[] = {
		{ 0, 1, 0, IMAGE_UNKNOWN },
		{ 4, 1, 3, IMAGE_ELF },
		{ 5, 1, 2, IMAGE_NOT_X86 },
		{ 16, 2, 1, IMAGE_ELF },
		{ 18, 2, 40, IMAGE_NOT_X86 },
		{ 32, 8, FILE_SIZE - 1, IMAGE_TRUNCATED },
		{ 32, 8, ~0ull, IMAGE_TRUNCATED },
		{ 54, 2, 55, IMAGE_ELF },
		{ 56, 2, 65, IMAGE_ELF },
		{ 56, 2, 1, IMAGE_UNKNOWN },               /* no note */
		{ 64 + 8, 8, FILE_SIZE, IMAGE_TRUNCATED }, /* offset */
		{ 64 + 8, 8, ~0ull, IMAGE_TRUNCATED },
		{ 64 + 24, 8, MEMORY - 0x100, IMAGE_OUTSIDE_MEMORY },
		{ 64 + 24, 8, 0xc0000000 - 0x200, IMAGE_OUTSIDE_MEMORY },
		{ 64 + 24, 8, 0xc0000000 - 0x1ff, IMAGE_TOO_HIGH },
		{ 64 + 24, 8, 0x100000000, IMAGE_TOO_HIGH },
		{ 64 + 24, 8, ~0ull, IMAGE_TOO_HIGH },
		{ 64 + 32, 8, 0x201, IMAGE_ELF }, /* file size above memory size */
		{ 64 + 40, 8, 0xffffffff, IMAGE_TOO_HIGH },
		{ 64 + 40, 8, ~0ull, IMAGE_TOO_HIGH },
		{ 64 + 40, 8, 0, IMAGE_SEGMENTS_BAD },
		{ 64 + 56 + 32, 8, FILE_SIZE, IMAGE_TRUNCATED }, /* the note's segment */
		{ 0x804, 4, 0xfffffff0, IMAGE_UNKNOWN },         /* the note's value */
		{ 0x800, 4, 0xffffffff, IMAGE_UNKNOWN },
		{ 0x810, 4, 0x200000, IMAGE_ENTRY },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		make_elf64();
		memcpy(file + cases[i].at, &cases[i].value, cases[i].size);
		ck_assert_msg(decode(FILE_SIZE) == cases[i].error, "case %u", i);
	}
}
END_TEST

/* A second PT_LOAD, of which the file holds nothing: .bss. The first has 0x100000 to 0x1001ff. */
START_TEST(overlap)
{
	static const struct {
		u64 paddr, memsz;
		enum image_error error;
		const char *text;
	} cases[] = {
		{ 0x100200, 0x1000, IMAGE_OK, NULL },
		{ 0xff000, 0x1000, IMAGE_OK, NULL },
		{ 0x100100, 0, IMAGE_OK, NULL },
		{ 0x1001ff, 1, IMAGE_OVERLAP,
		  "segment 0x100000 to 0x1001ff, segment 0x1001ff to 0x1001ff" },
		{ 0xff000, 0x1001, IMAGE_OVERLAP,
		  "segment 0x100000 to 0x1001ff, segment 0xff000 to 0x100000" },
		{ 0x100000, 0x200, IMAGE_OVERLAP,
		  "segment 0x100000 to 0x1001ff, segment 0x100000 to 0x1001ff" },
		{ 0x3fff00, 0x200, IMAGE_OUTSIDE_MEMORY, "segment 0x3fff00 to 0x4000ff" },
		{ 0x100000000, 0x10, IMAGE_TOO_HIGH, "segment 0x100000000 to 0x10000000f" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct phdr32 bss = { 1, 0, 0, (u32)cases[i].paddr, 0, (u32)cases[i].memsz, 6, 0 };
		struct phdr64 high = { 1, 6, 0, 0, cases[i].paddr, 0, cases[i].memsz, 0 };
		bool wide = cases[i].paddr > UINT32_MAX;
		char text[IMAGE_EXPLANATION];

		if (wide) {
			make_elf64();
			memcpy(file + 64 + sizeof(high), &high, sizeof(high));
		} else {
			make_elf32();
			put16(44, 2);
			memcpy(file + 52 + sizeof(bss), &bss, sizeof(bss));
		}
		put_mb1(0x200, 3);
		ck_assert_msg(decode(FILE_SIZE) == cases[i].error, "case %u", i);
		ck_assert_msg(image_explain(&image, text) == (cases[i].text != NULL), "case %u", i);
		if (cases[i].text != NULL)
			ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

/* A bzImage: 2 sectors of setup behind the first, a kernel of 0x800 bytes for 2 MiB, 1 MiB large.
 */
static void make_bzimage(void)
{
	memset(file, 0, sizeof(file));
	memset(memory, 0xcc, sizeof(memory));
	file[0x1f1] = 2;
	put32(0x1f4, 0x80);
	put16(0x1fe, 0xaa55);
	memcpy(file + 0x202, "HdrS", 4);
	put16(0x206, 0x20c);
	file[0x211] = 1;
	put16(0x236, 1);
	put64(0x258, 0x200000);
	put32(0x260, 0x100000);
	memset(file + 0x600, 0xab, 0x800);
}

START_TEST(bzimage)
{
	make_bzimage();
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_int_eq(image.protocol, PROTOCOL_LINUX);
	ck_assert_uint_eq(image.entry, 0x200200);
	ck_assert_int_eq(memory[0x1fffff], 0xcc);
	ck_assert_int_eq(memory[0x200000], 0xab);
	ck_assert_int_eq(memory[0x2007ff], 0xab);
	ck_assert_int_eq(memory[0x200800], 0);
	ck_assert_int_eq(memory[0x2fffff], 0);
	ck_assert_int_eq(memory[0x300000], 0xcc);
	ck_assert_uint_eq(image_end(&image), 0x300000); /* no initrd where it unpacks itself */
	/* The last paragraph may be cut; setup_sects 0 means 4. */
	ck_assert_int_eq(decode(0x600 + 0x7f9), IMAGE_OK);
	ck_assert_int_eq(memory[0x2007f9], 0);
	file[0x1f1] = 0;
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_int_eq(memory[0x200000 + 0x400 - 1], 0xab);
	ck_assert_int_eq(memory[0x200000 + 0x400], 0);
}
END_TEST

START_TEST(bzimage_refused)
{
	static const struct {
		u32 at, value;
		enum image_error error;
	} cases[] = {
		{ 0x1fe, 0x5a5a, IMAGE_BZIMAGE },          /* boot flag */
		{ 0x202, 0x53726447, IMAGE_UNKNOWN },      /* "GdrS" */
		{ 0x206, 0x20b, IMAGE_BZIMAGE },           /* before xloadflags */
		{ 0x210, 0, IMAGE_BZIMAGE },               /* a zImage */
		{ 0x25c, 1, IMAGE_BZIMAGE },               /* above 4 GiB */
		{ 0x260, 0x7ff, IMAGE_BZIMAGE },           /* less than what is loaded */
		{ 0x260, 0x200001, IMAGE_OUTSIDE_MEMORY }, /* more than there is */
		{ 0x258, 0xfffff000, IMAGE_TOO_HIGH },
		{ 0x1f1, 0xff, IMAGE_TRUNCATED },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		make_bzimage();
		put32(cases[i].at, cases[i].value);
		ck_assert_msg(decode(FILE_SIZE) == cases[i].error, "case %u", i);
	}
	make_bzimage();
	put32(0x234, 2 << 16); /* no 64-bit entry: the other is where it begins */
	ck_assert_int_eq(decode(FILE_SIZE), IMAGE_OK);
	ck_assert_uint_eq(image.entry, 0x200000);
	make_bzimage();
	for (u64 size = 0; size <= 0x600; size++)
		ck_assert_int_ne(decode(size), IMAGE_OK);
}
END_TEST

/* Cut anywhere: never a read beyond the end, and only the whole is accepted. */
START_TEST(every_length)
{
	make_elf64();
	for (u64 size = 0; size < 0x1100; size++)
		ck_assert_int_ne(decode(size), IMAGE_OK);
	ck_assert_int_eq(decode(0x1100), IMAGE_OK);
	make_elf32();
	put_mb1(0x200, 3);
	for (u64 size = 0; size < 0x1100; size++)
		ck_assert_int_ne(decode(size), IMAGE_OK);
	ck_assert_int_eq(decode(0x1100), IMAGE_OK);
}
END_TEST

START_TEST(too_many_segments)
{
	struct image_segment s = { 0x100000, 16, 0, 16 };

	image = (struct image){ 0 };
	for (u32 i = 0; i < IMAGE_SEGMENTS; i++)
		ck_assert_int_eq(image_add(&image, &s), IMAGE_OK);
	ck_assert_int_eq(image_add(&image, &s), IMAGE_SEGMENTS_BAD);
	s.memory_size = 0;
	ck_assert_int_eq(image_add(&image, &s), IMAGE_OK);
}
END_TEST

RING3_MAIN("monitor_image", pvh, pvh_note_is_the_second, multiboot1_elf, multiboot1_raw,
           multiboot1_refused, multiboot2_elf, multiboot2_raw, elf_refused, overlap, bzimage,
           bzimage_refused, every_length, too_many_segments)
