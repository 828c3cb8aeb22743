/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Linux's 64-bit and 32-bit boot protocols (Documentation/x86/boot.rst, zero-page.rst): boot_params
 * in a page of zeros, with the image's own setup header in it; flat segments; for 64-bit mode the
 * first GiB mapped as it is.
 */
#include "hv/ring3/monitor/bootinfo.h"

#include "hv/ring3/monitor/bzimage.h"
#include "hv/ring3/monitor/layout.h"

#define LOADER_UNDEFINED 0xffu
#define VIDEO_NORMAL     0xffffu

#define TABLE_ENTRIES 512u
#define PAGE_LINK     0x003u /* present, writable */
#define PAGE_LARGE    0x083u
#define LARGE_SIZE    0x200000ull

#define E820_MAX 128u

struct linux_e820 {
	u64 gpa, size;
	u32 type;
} PACKED;

struct linux_boot_params {
	u8 screen_info[0x70];
	u64 rsdp;
	u8 apm_to_edd[0x1e8 - 0x78];
	u8 e820_entries;
	u8 rest_of_bios[BZIMAGE_HEADER - 0x1e9];
	struct bzimage_header header;
	u8 rest_of_header[0x2d0 - BZIMAGE_HEADER - sizeof(struct bzimage_header)];
	struct linux_e820 e820[E820_MAX];
	u8 rest[PAGE_SIZE - 0x2d0 - E820_MAX * sizeof(struct linux_e820)];
} PACKED;
static_assert(sizeof(struct linux_boot_params) == PAGE_SIZE, "zero-page.rst");
static_assert(offsetof(struct linux_boot_params, rsdp) == 0x70, "zero-page.rst");
static_assert(offsetof(struct linux_boot_params, e820) == 0x2d0, "zero-page.rst");

static void put_map(struct linux_boot_params *p, u64 memory)
{
	struct memory_range ranges[LAYOUT_RANGES];

	layout_map(memory, ranges);
	for (u32 i = 0; i < LAYOUT_RANGES; i++)
		p->e820[i] = (struct linux_e820){ ranges[i].gpa, ranges[i].size, ranges[i].type };
	p->e820_entries = LAYOUT_RANGES;
}

/* The header as the file has it, up to the end that it states; what a newer kernel added stays. */
static void put_header(struct linux_boot_params *p, const struct boot_facts *facts, u64 cmdline)
{
	struct bzimage_header *h = &p->header;
	u64 room = offsetof(struct linux_boot_params, e820) - BZIMAGE_HEADER;
	u64 length;

	if (!view_read(facts->image, BZIMAGE_HEADER, h, sizeof(*h)))
		return; /* the decoder has read it before */
	length = offsetof(struct bzimage_header, magic) + h->header_length;
	if (!view_read(facts->image, BZIMAGE_HEADER, h, length < room ? length : room))
		return;
	h->type_of_loader = LOADER_UNDEFINED;
	h->vid_mode = VIDEO_NORMAL;
	h->ramdisk_image = (u32)facts->module[0].gpa; /* 0, 0: none */
	h->ramdisk_size = (u32)facts->module[0].size;
	h->cmd_line_ptr = (u32)cmdline;
}

/* One entry of a page table that writer_reserve gave. */
static void put_entry(struct writer *w, u64 table, u32 index, u64 entry)
{
	memcpy(writer_bytes(w, table) + index * sizeof(entry), &entry, sizeof(entry));
}

static u64 put_tables(struct writer *w)
{
	u64 top = writer_reserve(w, PAGE_SIZE, PAGE_SIZE);
	u64 pointers = writer_reserve(w, PAGE_SIZE, PAGE_SIZE);
	u64 directory = writer_reserve(w, PAGE_SIZE, PAGE_SIZE);

	if (w->full)
		return 0;
	put_entry(w, top, 0, pointers | PAGE_LINK);
	put_entry(w, pointers, 0, directory | PAGE_LINK);
	for (u32 i = 0; i < TABLE_ENTRIES; i++)
		put_entry(w, directory, i, i * LARGE_SIZE | PAGE_LARGE);
	return top;
}

#define GDT_SIZE 32u

/* Selectors 0x10 and 0x18: flat code of that mode, flat data, both accessed. */
static void put_gdt(struct writer *w, u64 at, bool is_64_bit)
{
	const u64 gdt[] = { 0, 0, is_64_bit ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
		            0x00cf93000000ffff };

	static_assert(sizeof(gdt) == GDT_SIZE, "room for it");
	memcpy(writer_bytes(w, at), gdt, sizeof(gdt));
}

void bootinfo_linux(struct writer *w, const struct boot_facts *facts, struct vcpu_start *start)
{
	u64 at = writer_reserve(w, sizeof(struct linux_boot_params), PAGE_SIZE);
	u64 tables = put_tables(w);
	u64 segments = writer_reserve(w, GDT_SIZE, 8);
	u64 cmdline = writer_put(w, facts->args, strlen(facts->args) + 1, 1);
	struct linux_boot_params *p;

	if (w->full)
		return;
	p = (struct linux_boot_params *)(void *)writer_bytes(w, at);
	p->rsdp = facts->rsdp;
	put_map(p, facts->memory);
	put_header(p, facts, cmdline);
	put_gdt(w, segments, bzimage_is_64_bit(&p->header));
	start->mode = bzimage_is_64_bit(&p->header) ? START_LONG : START_LINUX_32;
	start->rsi = at;
	start->cr3 = tables;
	start->gdt_base = segments;
	start->gdt_limit = GDT_SIZE - 1;
}
