/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a guest's image: nothing outside of the file is read, nothing outside of the guest's
 * memory written, and what is accepted starts inside of what was loaded. As a program of its own it
 * damages whole images at random; as a
 * libFuzzer target: `make fuzz FUZZER=monitor`.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/ring3/monitor/load.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MEMORY 0x240000u
#define GUARD  64u

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static u8 memory[GUARD + MEMORY + GUARD];
static const struct view files[VM_MODULES] = { { (const u8 *)"initrd", 7 } };
static struct vm_config config = { .name = "a", .vcpus = 2, .args = "x" };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct load_request r = { { data, size }, files, { memory + GUARD, MEMORY }, &config };
	struct vcpu_start start = { 0 };
	struct image image;
	enum image_error error = load_guest(&r, &image, &start);

	MUST(error < IMAGE_ERRORS);
	for (u32 i = 0; i < GUARD; i++)
		MUST(memory[i] == 0 && memory[GUARD + MEMORY + i] == 0);
	if (error == IMAGE_OK) {
		MUST(start.rip < MEMORY);
		if (start.mode == START_LONG)
			MUST(start.rsi < MEMORY && start.cr3 != 0 && start.cr3 < MEMORY);
		else if (start.mode == START_LINUX_32)
			MUST(start.rsi != 0 && start.rsi < MEMORY && start.gdt_base < MEMORY);
		else
			MUST(start.rbx != 0 && start.rbx < MEMORY);
	}
	return 0;
}

#ifndef FUZZING
#include "tests/unit/ring3.h"

#define FILE_SIZE 0x600u

static u8 file[FILE_SIZE];

static void put(u32 at, u64 value, u32 size)
{
	memcpy(file + at, &value, size);
}

static void make_bzimage(void)
{
	put(0x1f1, 1, 1);
	put(0x1f4, 0x10, 4);
	put(0x1fe, 0x66ebaa55 | (u64)0x53726448 << 32, 8);
	put(0x206, 0x20f, 2);
	put(0x211, 1, 1);
	put(0x236, 1, 2);
	put(0x258, 0x100000, 8);
	put(0x260, 0x1000, 4);
}

/* An ELF64 with a segment and a PVH note; kind 1, 2: with a Multiboot header before them; 3: Linux.
 */
static void make(u32 kind)
{
	memset(file, 0, sizeof(file));
	if (kind == 3) {
		make_bzimage();
		return;
	}
	memcpy(file, "\177ELF\2\1\1", 7);
	put(16, 2 | 62 << 16, 4);
	put(24, 0x100010, 8);
	put(32, 64, 8);
	put(54, 56 | 2 << 16, 4);
	put(64, 1, 8);
	put(72, 0x400, 8);
	put(80, 0x100000, 8);
	put(88, 0x100000, 8);
	put(96, 0x200, 8);
	put(104, 0x400, 8);
	put(120, 4, 8);
	put(128, 0x300, 8);
	put(152, 20, 8);
	put(0x300, 4 | 4ull << 32, 8);
	put(0x308, 18, 4);
	memcpy(file + 0x30c, "Xen", 4);
	put(0x310, 0x100020, 4);
	if (kind == 1) {
		put(0x200, 0x1badb002 | 0x10003ull << 32, 8);
		put(0x208, 0u - 0x1badb002u - 0x10003u, 4);
		put(0x20c, 0x100200 | 0x100000ull << 32, 8);
		put(0x21c, 0x100204, 4);
	} else if (kind == 2) {
		put(0x200, 0xe85250d6, 8);
		put(0x208, 40 | (u64)(0u - 0xe85250d6u - 40) << 32, 8);
		put(0x210, 1 | 12ull << 32, 8);
		put(0x218, 6, 4);
		put(0x220, 8ull << 32, 8);
	}
}

START_TEST(damaged_images)
{
	u32 x = 1, accepted = 0;

	for (u32 i = 0; i < 30000; i++) {
		make(i % 4);
		for (u32 k = 0; k < 1 + i % 4; k++) {
			x = x * 1664525 + 1013904223;
			u32 at = i % 4 == 3 ? 0x1f1 + (x >> 8) % 0x73
			                    : (x >> 8) % (x % 2 == 0 ? 0x80 : 0x320);

			x = x * 1664525 + 1013904223;
			file[at] = (u8)(x % 3 == 0 ? 0xff : x >> 24);
		}
		if (i % 4 == 1) /* keep the header's sum right, or it will not be found */
			put(0x208, 0u - 0x1badb002u - *(u32 *)(void *)(file + 0x204), 4);
		accepted += LLVMFuzzerTestOneInput(file, x % 5 == 0 ? x % FILE_SIZE : FILE_SIZE) ==
		            0;
	}
	ck_assert_uint_eq(accepted, 30000);
}
END_TEST

START_TEST(whole_images)
{
	static const struct view no_files[VM_MODULES];

	for (u32 kind = 0; kind < 4; kind++) {
		struct load_request r = {
			{ file, FILE_SIZE }, no_files, { memory + GUARD, MEMORY }, &config
		};
		struct vcpu_start start;
		struct image image;

		make(kind);
		ck_assert_int_eq(load_guest(&r, &image, &start), IMAGE_OK);
	}
}
END_TEST

RING3_MAIN("monitor_image_fuzz", whole_images, damaged_images)
#endif
