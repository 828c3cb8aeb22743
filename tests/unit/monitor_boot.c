/* SPDX-License-Identifier: MIT */
/* A guest put together: boot information of each protocol read back as an image would read it. */
#include "tests/unit/ring3.h"

#include "hv/ring3/monitor/acpi.h"
#include "hv/ring3/monitor/bootinfo.h"
#include "hv/ring3/monitor/layout.h"
#include "hv/ring3/monitor/load.h"

#define MEMORY 0x400000u
#define INITRD "ramdisk"

static u8 memory[MEMORY];
static u8 file[0x200];
static struct vm_config config;
static struct vcpu_start start;
static struct image image;

static u32 get32(u64 at)
{
	u32 v;

	ck_assert(at <= MEMORY - 4);
	memcpy(&v, memory + at, 4);
	return v;
}

static u64 get64(u64 at)
{
	return get32(at) | (u64)get32(at + 4) << 32;
}

static const char *text(u64 at)
{
	ck_assert(at < MEMORY);
	return (const char *)memory + at;
}

static void put32(u32 at, u32 v)
{
	memcpy(file + at, &v, 4);
}

static const struct view modules[VM_MODULES] = { { (const u8 *)INITRD, sizeof(INITRD) } };

/* A raw image that lies at `load`; magic: its protocol. */
static enum image_error load(u32 load_at, bool second)
{
	struct load_request request = {
		{ file, sizeof(file) }, modules, { memory, MEMORY }, &config
	};
	u32 at = 0x40;

	memset(file, 0, sizeof(file));
	memset(memory, 0xcc, sizeof(memory));
	put32(at, second ? 0xe85250d6 : 0x1badb002);
	if (second) {
		put32(at + 8, 64);
		put32(at + 12, 0u - 0xe85250d6u - 64);
		put32(at + 16, 2);
		put32(at + 20, 24);
		put32(at + 24, load_at + at);
		put32(at + 28, load_at);
		put32(at + 40, 3);
		put32(at + 44, 12);
		put32(at + 48, load_at);
		put32(at + 56, 0);
		put32(at + 60, 8);
	} else {
		put32(at + 4, 1u << 16);
		put32(at + 8, 0u - 0x1badb002u - (1u << 16));
		put32(at + 12, load_at + at);
		put32(at + 16, load_at);
		put32(at + 28, load_at);
	}
	return load_guest(&request, &image, &start);
}

static void setup(void)
{
	config = (struct vm_config){ .name = "a", .vcpus = 3, .args = "one two" };
}

static u8 sum(u64 at, u64 n)
{
	u8 s = 0;

	for (u64 i = 0; i < n; i++)
		s = (u8)(s + memory[at + i]);
	return s;
}

/* Finds the RSDP as a guest does, and the table with that signature. */
static u64 find_table(const char *signature)
{
	u64 rsdp = 0, xsdt;

	for (u64 at = 0xe0000; at < 0x100000 && rsdp == 0; at += 16)
		if (memcmp(memory + at, "RSD PTR ", 8) == 0)
			rsdp = at;
	ck_assert_uint_ne(rsdp, 0);
	ck_assert_int_eq(sum(rsdp, 20), 0);
	ck_assert_int_eq(sum(rsdp, 36), 0);
	xsdt = get64(rsdp + 24);
	ck_assert_int_eq(memcmp(memory + xsdt, "XSDT", 4), 0);
	ck_assert_int_eq(sum(xsdt, get32(xsdt + 4)), 0);
	for (u64 at = xsdt + 36; at < xsdt + get32(xsdt + 4); at += 8) {
		u64 table = get64(at);

		ck_assert_int_eq(sum(table, get32(table + 4)), 0);
		if (memcmp(memory + table, signature, 4) == 0)
			return table;
	}
	return 0;
}

START_TEST(multiboot1)
{
	u64 info, high = 0;

	setup();
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	ck_assert_uint_eq(start.mode, START_PROTECTED);
	ck_assert_uint_eq(start.rax, 0x2badb002);
	ck_assert_uint_eq(start.rip, 0x100000);
	info = start.rbx;
	ck_assert_uint_eq(get32(info) & 0x4d, 0x4d);
	ck_assert_uint_eq(get32(info + 4), 639);
	ck_assert_uint_eq(get32(info + 8), 3 * 1024);
	ck_assert_str_eq(text(get32(info + 16)), "/a one two");
	ck_assert_uint_eq(get32(info + 20), 1);
	ck_assert_str_eq(text(get32(get32(info + 24))), INITRD);
	ck_assert_uint_eq(get32(get32(info + 24) + 4) - get32(get32(info + 24)), sizeof(INITRD));
	for (u64 at = get32(info + 48); at < get32(info + 48) + get32(info + 44);
	     at += get32(at) + 4)
		if (get32(at + 20) == 1)
			high = get64(at + 4) + get64(at + 12);
	ck_assert_uint_eq(high, MEMORY);
	ck_assert_str_eq(text(get32(info + 64)), "Tapvisor");
}
END_TEST

START_TEST(multiboot2)
{
	u32 seen = 0;
	u64 at;

	setup();
	ck_assert_int_eq(load(0x100000, true), IMAGE_OK);
	ck_assert_uint_eq(start.rax, 0x36d76289);
	for (at = start.rbx + 8; get32(at) != 0; at += align_up(get32(at + 4), 8)) {
		seen |= BIT32(get32(at));
		if (get32(at) == 1)
			ck_assert_str_eq(text(at + 8), "one two");
		if (get32(at) == 3)
			ck_assert_str_eq(text(get32(at + 8)), INITRD);
		if (get32(at) == 15)
			ck_assert_int_eq(memcmp(memory + at + 8, "RSD PTR ", 8), 0);
		if (get32(at) == 6)
			ck_assert_uint_eq(get32(at + 8), 24);
	}
	ck_assert_uint_eq(seen, BIT32(1) | BIT32(2) | BIT32(3) | BIT32(4) | BIT32(6) | BIT32(14) |
	                                BIT32(15));
	ck_assert_uint_eq(get32(start.rbx), at + 8 - start.rbx);
}
END_TEST

START_TEST(pvh)
{
	static u8 page[BOOTINFO_SIZE];
	struct guest_memory m = { page, sizeof(page) };
	struct writer w = writer_at(&m, 0, sizeof(page));
	struct boot_facts facts = { "a",     "x=1", { NULL, 0 },
		                    MEMORY,  1,     { { 0x200000, 77, "initrd", "" } },
		                    0xe0000, NULL };

	w.gpa = 0x9000;
	start = (struct vcpu_start){ 0 };
	bootinfo_pvh(&w, &facts, &start);
	ck_assert(!w.full);
	memset(memory, 0, sizeof(memory));
	memcpy(memory + 0x9000, page, sizeof(page));
	ck_assert_uint_eq(get32(start.rbx), 0x336ec578);
	ck_assert_uint_eq(get32(start.rbx + 4), 1);
	ck_assert_uint_eq(get32(start.rbx + 12), 1);
	ck_assert_uint_eq(get64(get64(start.rbx + 16)), 0x200000);
	ck_assert_uint_eq(get64(get64(start.rbx + 16) + 8), 77);
	ck_assert_str_eq(text(get64(start.rbx + 24)), "x=1");
	ck_assert_uint_eq(get64(start.rbx + 32), 0xe0000);
	ck_assert_uint_eq(get32(start.rbx + 48), LAYOUT_RANGES);
	ck_assert_uint_eq(get64(get64(start.rbx + 40) + 48), 0x100000);
	ck_assert_uint_eq(get64(get64(start.rbx + 40) + 56), MEMORY - 0x100000);
}
END_TEST

/* The smallest bzImage, and what its kernel finds: boot.rst, zero-page.rst. */
START_TEST(linux_64)
{
	static u8 kernel[0x410];
	struct load_request request = {
		{ kernel, sizeof(kernel) }, modules, { memory, MEMORY }, &config
	};
	static const struct view two[VM_MODULES] = { { NULL, 0 }, { (const u8 *)"x", 1 } };
	u64 p, tables;

	setup();
	kernel[0x1f1] = 1;
	kernel[0x1f4] = 1;
	memcpy(kernel + 0x1fe, "\x55\xaa\xeb\x66HdrS\x0f\x02", 10);
	kernel[0x211] = 1;
	kernel[0x236] = 1;
	kernel[0x25a] = 0x10; /* pref_address: 1 MiB */
	kernel[0x261] = 0x10; /* init_size: 4 KiB */
	kernel[0x267] = 0x77; /* the last byte that the header's length covers */
	kernel[0x268] = 0x77; /* no more */
	memset(memory, 0xcc, sizeof(memory));
	ck_assert_int_eq(load_guest(&request, &image, &start), IMAGE_OK);
	ck_assert_uint_eq(start.mode, START_LONG);
	ck_assert_uint_eq(start.rip, 0x100200);
	p = start.rsi;
	ck_assert_int_eq(memcmp(memory + get64(p + 0x70), "RSD PTR ", 8), 0);
	ck_assert_uint_eq(memory[p + 0x1e8], LAYOUT_RANGES);
	ck_assert_uint_eq(get64(p + 0x2d0 + 2 * 20), 0x100000);
	ck_assert_uint_eq(get64(p + 0x2d0 + 2 * 20 + 8), MEMORY - 0x100000);
	ck_assert_uint_eq(get32(p + 0x2d0 + 2 * 20 + 16), 1);
	ck_assert_uint_eq(memory[p + 0x1f1], 1);
	ck_assert_uint_eq(get32(p + 0x202), 0x53726448);
	ck_assert_uint_eq(memory[p + 0x210], 0xff);
	ck_assert_uint_eq(get32(p + 0x218), 0x101000);
	ck_assert_uint_eq(get32(p + 0x21c), sizeof(INITRD));
	ck_assert_mem_eq(memory + 0x101000, INITRD, sizeof(INITRD));
	ck_assert_str_eq(text(get32(p + 0x228)), "one two");
	ck_assert_uint_eq(memory[p + 0x267], 0x77);
	ck_assert_uint_eq(memory[p + 0x268], 0);
	ck_assert_uint_eq(memory[p], 0);
	/* Each large page of the first GiB lies where it is. */
	tables = get64((get64(start.cr3) & ~0xfffull)) & ~0xfffull;
	for (u64 i = 0; i < 512; i++)
		ck_assert_uint_eq(get64(tables + i * 8), i << 21 | 0x83);
	ck_assert_uint_eq(start.gdt_limit, 31);
	ck_assert_uint_eq(get64(start.gdt_base + 0x10), 0x00af9b000000ffff);
	ck_assert_uint_eq(get64(start.gdt_base + 0x18), 0x00cf93000000ffff);
	ck_assert(start.rsi + BOOTINFO_LINUX_SIZE <= LAYOUT_LOW_END);
	kernel[0x236] = 0; /* one that knows 32-bit mode alone */
	ck_assert_int_eq(load_guest(&request, &image, &start), IMAGE_OK);
	ck_assert_uint_eq(start.mode, START_LINUX_32);
	ck_assert_uint_eq(start.rip, 0x100000);
	ck_assert_uint_eq(get64(start.gdt_base + 0x10), 0x00cf9b000000ffff);
	ck_assert_uint_eq(get32(start.rsi + 0x202), 0x53726448);
	kernel[0x236] = 1;
	/* No place but 0x9e000, where one page would do: five do not. */
	request.image.size = sizeof(kernel);
	kernel[0x25a] = 0;
	kernel[0x262] = 0x9; /* all below 0x91000 */
	ck_assert_int_eq(load_guest(&request, &image, &start), IMAGE_NO_ROOM);
	request.module = two;
	ck_assert_int_eq(load_guest(&request, &image, &start), IMAGE_MODULES);
}
END_TEST

START_TEST(acpi)
{
	u64 fadt, madt;

	setup();
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	fadt = find_table("FACP");
	madt = find_table("APIC");
	ck_assert_uint_ne(fadt, 0);
	ck_assert_uint_ne(madt, 0);
	ck_assert_uint_ne(get32(fadt + 112) & BIT32(20), 0);
	ck_assert_int_eq(memcmp(memory + get64(fadt + 140), "DSDT", 4), 0);
	ck_assert_int_eq(sum(get64(fadt + 140), get32(get64(fadt + 140) + 4)), 0);
	ck_assert_uint_eq(get32(madt + 36), 0xfee00000);
	ck_assert_uint_eq(get32(madt + 4), 44 + 3 * 8 + 12 + 10 + 6);
	for (u32 i = 0; i < 3; i++)
		ck_assert_uint_eq(memory[madt + 44 + i * 8 + 3], i);
}
END_TEST

/* Files behind each other, each told with its string; a bzImage is told of an initrd alone. */
START_TEST(several_modules)
{
	static const struct view three[VM_MODULES] = { { (const u8 *)INITRD, sizeof(INITRD) },
		                                       { (const u8 *)"one", 3 },
		                                       { NULL, 0 },
		                                       { (const u8 *)"two", 3 } };
	struct load_request request = {
		{ file, sizeof(file) }, three, { memory, MEMORY }, &config
	};
	u64 list, at;

	setup();
	strcpy(config.module_args[1], "ro quiet");
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	ck_assert_int_eq(load_guest(&request, &image, &start), IMAGE_OK);
	ck_assert_uint_eq(get32(start.rbx + 20), 3);
	list = get32(start.rbx + 24);
	ck_assert_str_eq(text(get32(list + 8)), "initrd");
	ck_assert_str_eq(text(get32(list + 16 + 8)), "module ro quiet");
	ck_assert_mem_eq(memory + get32(list + 32), "two", 3);
	ck_assert_uint_eq(get32(list + 36) - get32(list + 32), 3);
	ck_assert_uint_eq(get32(list + 32) % 4096, 0);
	ck_assert_int_eq(load(0x100000, true), IMAGE_OK);
	ck_assert_int_eq(load_guest(&request, &image, &start), IMAGE_OK);
	for (at = start.rbx + 8; get32(at) != 0 && memory[get32(at + 8) % MEMORY] != 'o';)
		at += align_up(get32(at + 4), 8);
	ck_assert_uint_eq(get32(at), 3);
	ck_assert_uint_eq(get32(at + 4), 16 + sizeof("module ro quiet"));
	ck_assert_str_eq(text(at + 16), "module ro quiet");
}
END_TEST

/* Whoever reads the RSDT alone finds the same tables. */
START_TEST(acpi_old)
{
	u64 rsdp = 0xe0000, rsdt;

	setup();
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	rsdt = get32(rsdp + 16);
	ck_assert_int_eq(sum(rsdp, 20), 0);
	ck_assert_int_eq(memcmp(memory + rsdt, "RSDT", 4), 0);
	ck_assert_uint_eq(get32(rsdt + 4), 36 + 2 * 4);
	ck_assert_int_eq(sum(rsdt, get32(rsdt + 4)), 0);
	ck_assert_uint_eq(get32(rsdt + 36), find_table("FACP"));
	ck_assert_uint_eq(get32(rsdt + 40), find_table("APIC"));
	ck_assert_uint_eq(get32(find_table("FACP") + 76), 0x608);
	ck_assert_uint_eq(memory[find_table("FACP") + 91], 4);
	ck_assert_uint_eq(get64(find_table("FACP") + 212), 0x608);
}
END_TEST

static u32 get16(u64 at)
{
	return get32(at) & 0xffff;
}

START_TEST(data_area)
{
	setup();
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	ck_assert_uint_eq(get16(0x40e), 0x9fc0);
	ck_assert_uint_eq(get16(0x413), 639);
	ck_assert_uint_eq(get16(0x463), 0x3d4);
	ck_assert_uint_eq(memory[0x9fc00], 1);
	for (u32 i = 0; i < 256; i++)
		ck_assert_uint_eq(get32(4 * i), 0xf000ff00);
	ck_assert_mem_eq(memory + 0xfff00, "\x55\x89\xe5\x80\x4e\x06\x01\xb4\x86\x5d\xcf", 11);
}
END_TEST

START_TEST(mp_table)
{
	u64 at, entry;

	setup();
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	ck_assert_int_eq(memcmp(memory + 0xf0000, "_MP_", 4), 0);
	ck_assert_int_eq(sum(0xf0000, 16), 0);
	at = get32(0xf0004);
	ck_assert_int_eq(memcmp(memory + at, "PCMP", 4), 0);
	ck_assert_int_eq(sum(at, get16(at + 4)), 0);
	ck_assert_uint_eq(get16(at + 34), 3 + 2 + 15 + 2);
	entry = at + 44;
	for (u32 i = 0; i < 3; i++, entry += 20) {
		ck_assert_uint_eq(memory[entry], 0);
		ck_assert_uint_eq(memory[entry + 1], i);
		ck_assert_uint_eq(memory[entry + 3], i == 0 ? 3 : 1);
	}
	ck_assert_uint_eq(memory[entry], 1);
	ck_assert_uint_eq(memory[entry + 8], 2);
	ck_assert_uint_eq(get32(entry + 12), 0xfec00000);
	ck_assert_uint_eq(memory[entry + 16 + 5], 0); /* IRQ 0 at pin 2 */
	ck_assert_uint_eq(memory[entry + 16 + 7], 2);
	ck_assert_uint_eq(entry + 16 + 17 * 8 - at, get16(at + 4));
	config.vcpus = MAX_VCPUS;
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	ck_assert_uint_eq(get16(get32(0xf0004) + 34), 255 + 2 + 15 + 2);
}
END_TEST

/* A jump to where a BIOS begins resets, unless the image lies there. */
START_TEST(reset_vector)
{
	setup();
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	/* mov dx, 0xcf9; mov al, 6; out dx, al; hlt; jmp $-1 */
	ck_assert_mem_eq(memory + 0xffff0, "\xba\xf9\x0c\xb0\x06\xee\xf4\xeb\xfd", 9);
	ck_assert_int_eq(load(0xfffe0, false), IMAGE_OK);
	ck_assert_uint_ne(memory[0xffff0], 0xba);
}
END_TEST

START_TEST(acpi_of_most_vcpus)
{
	u64 madt, x2;

	setup();
	config.vcpus = MAX_VCPUS;
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	madt = find_table("APIC");
	x2 = madt + 44 + 255 * 8;
	ck_assert_uint_eq(memory[x2], 9);
	ck_assert_uint_eq(get32(x2 + 4), 255);
	ck_assert_uint_eq(memory[x2 + 16], 1);
}
END_TEST

/* The boot information evades the image; what cannot be evaded is refused. */
START_TEST(places)
{
	setup();
	ck_assert_int_eq(load(0x9000, false), IMAGE_OK);
	ck_assert_uint_eq(start.rip, 0x9000);
	ck_assert(start.rbx + 4096 <= 0x9000 || start.rbx >= 0x9200);
	ck_assert_uint_eq(get32(0x9040), 0x1badb002);
	ck_assert_int_eq(load(0xe0000, false), IMAGE_NO_ROOM);
	memset(config.args, 'x', sizeof(config.args) - 1);
	ck_assert_int_eq(load(0x100000, false), IMAGE_OK);
	ck_assert_int_eq(load(0x100000, true), IMAGE_OK);
	ck_assert_int_eq(load(MEMORY - sizeof(file), false), IMAGE_INITRD);
	ck_assert_int_eq(load(MEMORY - sizeof(file) + 1, false), IMAGE_OUTSIDE_MEMORY);
}
END_TEST

START_TEST(writer_is_bounded)
{
	static u8 bytes[64];
	struct guest_memory m = { bytes, sizeof(bytes) };
	struct writer w = writer_at(&m, 16, 32);

	ck_assert_uint_eq(writer_put(&w, "abc", 3, 1), 16);
	ck_assert_uint_eq(writer_put(&w, "abc", 3, 16), 32);
	ck_assert_uint_eq(writer_put(&w, bytes, 14, 1), 0);
	ck_assert(w.full);
	ck_assert_uint_eq(writer_put(&w, "a", 1, 1), 0);
	ck_assert_int_eq(bytes[48], 0);
}
END_TEST

RING3_MAIN("monitor_boot", multiboot1, multiboot2, pvh, linux_64, acpi, several_modules, acpi_old,
           data_area, mp_table, acpi_of_most_vcpus, reset_vector, places, writer_is_bounded)
