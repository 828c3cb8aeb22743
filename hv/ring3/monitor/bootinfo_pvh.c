/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* The PVH start information: Xen's public/arch-x86/hvm/start_info.h, version 1. */
#include "hv/ring3/monitor/bootinfo.h"

#include "hv/ring3/monitor/layout.h"

#define PVH_MAGIC 0x336ec578u

struct pvh_info {
	u32 magic, version, flags, modules_count;
	u64 modules, cmdline, rsdp, map;
	u32 map_entries, reserved;
};

struct pvh_module {
	u64 gpa, size, cmdline, reserved;
};

struct pvh_map_entry {
	u64 gpa, size;
	u32 type, reserved;
};

static u64 put_map(struct writer *w, u64 memory)
{
	struct memory_range ranges[LAYOUT_RANGES];
	struct pvh_map_entry entries[LAYOUT_RANGES];

	layout_map(memory, ranges);
	for (u32 i = 0; i < LAYOUT_RANGES; i++)
		entries[i] = (struct pvh_map_entry){ ranges[i].gpa, ranges[i].size, ranges[i].type,
			                             0 };
	return writer_put(w, entries, sizeof(entries), 8);
}

static void put_modules(struct writer *w, const struct boot_facts *facts, struct pvh_info *info)
{
	struct pvh_module modules[VM_MODULES];

	for (u32 i = 0; i < facts->modules; i++) {
		const struct boot_module *m = &facts->module[i];

		modules[i] = (struct pvh_module){ m->gpa, m->size, bootinfo_put_string(w, m), 0 };
	}
	info->modules_count = facts->modules;
	if (facts->modules != 0)
		info->modules = writer_put(w, modules, facts->modules * sizeof(modules[0]), 8);
}

void bootinfo_pvh(struct writer *w, const struct boot_facts *facts, struct vcpu_start *start)
{
	u64 at = writer_reserve(w, sizeof(struct pvh_info), 16);
	struct pvh_info info = {
		.magic = PVH_MAGIC,
		.version = 1,
		.rsdp = facts->rsdp,
		.map_entries = LAYOUT_RANGES,
	};

	info.map = put_map(w, facts->memory);
	put_modules(w, facts, &info);
	info.cmdline = writer_put(w, facts->args, strlen(facts->args) + 1, 1);
	if (!w->full)
		memcpy(writer_bytes(w, at), &info, sizeof(info));
	start->rbx = at;
}
