/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/apic.h"

/* The loader's magic: what start.asm found in EAX, or put there for PVH. */
#define LOADER_MULTIBOOT1 0x2badb002u
#define LOADER_MULTIBOOT2 0x36d76289u
#define LOADER_PVH        0x336ec578u

#define MB1_HAS_MEMORY       0x01u
#define MB1_HAS_COMMAND_LINE 0x04u

#define MB2_TAG_END          0u
#define MB2_TAG_COMMAND_LINE 1u
#define MB2_TAG_MEMORY       4u
#define MB2_TAG_RSDP_OLD     14u
#define MB2_TAG_RSDP_NEW     15u

struct multiboot1_info {
	u32 flags, memory_lower_kib, memory_upper_kib, boot_device, command_line;
};

struct multiboot2_tag {
	u32 type, size;
	union {
		char text[1];
		u8 rsdp[36];
		struct {
			u32 lower_kib, upper_kib;
		} memory;
	};
};

struct pvh_info {
	u32 magic, version, flags, modules;
	u64 module_list, command_line, rsdp, memory_map;
	u32 memory_entries, reserved;
};

struct pvh_memory {
	u64 base, size;
	u32 type, reserved;
};

struct boot_info boot_info = { .loader = "unknown" };
static u8 rsdp_copy[36] ALIGNED(16);

void boot_main(u32 magic, u64 info) NORETURN;

/* The loader's 32-bit addresses lie in the identity map. */
static const void *physical(u64 address)
{
	return (const void *)address;
}

static void boot_multiboot1(const struct multiboot1_info *info)
{
	boot_info.loader = "multiboot1";
	if (info->flags & MB1_HAS_MEMORY)
		boot_info.memory_top = 0x100000 + (u64)info->memory_upper_kib * 1024;
	if (info->flags & MB1_HAS_COMMAND_LINE)
		string_copy(boot_info.command_line, physical(info->command_line), COMMAND_LINE_MAX);
}

static void boot_multiboot2_tag(const struct multiboot2_tag *tag)
{
	switch (tag->type) {
	case MB2_TAG_COMMAND_LINE:
		string_copy(boot_info.command_line, tag->text, COMMAND_LINE_MAX);
		break;
	case MB2_TAG_MEMORY:
		boot_info.memory_top = 0x100000 + (u64)tag->memory.upper_kib * 1024;
		break;
	case MB2_TAG_RSDP_OLD:
	case MB2_TAG_RSDP_NEW:
		memcpy(rsdp_copy, tag->rsdp,
		       tag->type == MB2_TAG_RSDP_NEW ? sizeof(rsdp_copy) : 20);
		boot_info.rsdp = (u64)rsdp_copy;
		break;
	default:
		break;
	}
}

static void boot_multiboot2(u64 info)
{
	u64 at = info + 8;
	const struct multiboot2_tag *tag = physical(at);

	boot_info.loader = "multiboot2";
	for (; tag->type != MB2_TAG_END; tag = physical(at)) {
		boot_multiboot2_tag(tag);
		at += (tag->size + 7u) & ~7u;
	}
}

static void boot_pvh(const struct pvh_info *info)
{
	const struct pvh_memory *map = physical(info->memory_map);

	boot_info.loader = "pvh";
	boot_info.rsdp = info->rsdp;
	if (info->command_line != 0)
		string_copy(boot_info.command_line, physical(info->command_line), COMMAND_LINE_MAX);
	for (u32 i = 0; info->version >= 1 && i < info->memory_entries; i++)
		if (map[i].type == 1 && map[i].base <= 0x100000)
			boot_info.memory_top = map[i].base + map[i].size;
}

static void boot_read(u32 magic, u64 info)
{
	if (magic == LOADER_MULTIBOOT1)
		boot_multiboot1(physical(info));
	else if (magic == LOADER_MULTIBOOT2)
		boot_multiboot2(info);
	else if (magic == LOADER_PVH)
		boot_pvh(physical(info));
}

void boot_main(u32 magic, u64 info)
{
	serial_init();
	boot_read(magic, info);
	args_parse(boot_info.command_line);
	interrupt_init();
	cpu_setup(0);
	hypercall_detect();
	apic_init();
	guest_exit(guest_main() == 0 ? EXIT_PASS : EXIT_FAIL);
}
