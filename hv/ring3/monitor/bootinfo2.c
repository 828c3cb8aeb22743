/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Multiboot2 Specification 2.0, section 3.6: the information for the image. */
#include "hv/ring3/monitor/bootinfo.h"

#include "hv/ring3/monitor/layout.h"

#define MB2_LOADER_MAGIC 0x36d76289u
#define MB2_TAG_ALIGN    8u

enum mb2_info_tag {
	MB2_INFO_END = 0,
	MB2_INFO_CMDLINE = 1,
	MB2_INFO_LOADER = 2,
	MB2_INFO_MODULE = 3,
	MB2_INFO_MEMORY = 4,
	MB2_INFO_MAP = 6,
	MB2_INFO_RSDP1 = 14,
	MB2_INFO_RSDP2 = 15,
};

#define RSDP1_SIZE 20u
#define RSDP2_SIZE 36u

struct mb2_tag {
	u32 type, size;
};

struct mb2_map {
	u32 entry_size, entry_version;
	struct mb2_map_entry {
		u64 gpa, length;
		u32 type, reserved;
	} entry[LAYOUT_RANGES];
};

/* A tag of two pieces; the second may be empty. */
static void put_tag(struct writer *w, u32 type, const void *a, u64 a_size, const void *b,
                    u64 b_size)
{
	struct mb2_tag tag = { type, (u32)(sizeof(tag) + a_size + b_size) };

	(void)writer_put(w, &tag, sizeof(tag), MB2_TAG_ALIGN);
	(void)writer_put(w, a, a_size, 1);
	(void)writer_put(w, b, b_size, 1);
}

static void put_string(struct writer *w, u32 type, const char *s)
{
	put_tag(w, type, s, strlen(s) + 1, "", 0);
}

static void put_map(struct writer *w, u64 memory)
{
	struct memory_range ranges[LAYOUT_RANGES];
	struct mb2_map map = { sizeof(struct mb2_map_entry), 0, { { 0 } } };

	layout_map(memory, ranges);
	for (u32 i = 0; i < LAYOUT_RANGES; i++)
		map.entry[i] = (struct mb2_map_entry){ ranges[i].gpa, ranges[i].size,
			                               ranges[i].type, 0 };
	put_tag(w, MB2_INFO_MAP, &map, sizeof(map), "", 0);
}

static void put_module(struct writer *w, const struct boot_module *m)
{
	u32 at[4] = { MB2_INFO_MODULE, 0, (u32)m->gpa, (u32)(m->gpa + m->size) };
	u64 tag = writer_put(w, at, sizeof(at), MB2_TAG_ALIGN);

	(void)bootinfo_put_string(w, m);
	at[1] = (u32)(w->gpa + w->used - tag);
	if (!w->full)
		memcpy(writer_bytes(w, tag), at, sizeof(at));
}

void bootinfo_multiboot2(struct writer *w, const struct boot_facts *facts, struct vcpu_start *start)
{
	u64 at = writer_reserve(w, 8, MB2_TAG_ALIGN); /* total size, reserved */
	u32 memory[2] = { LAYOUT_LOW_END >> 10, (u32)((facts->memory - LAYOUT_HIGH) >> 10) };
	u32 total;

	put_string(w, MB2_INFO_CMDLINE, facts->args);
	put_string(w, MB2_INFO_LOADER, LOADER_NAME);
	for (u32 i = 0; i < facts->modules; i++)
		put_module(w, &facts->module[i]);
	put_tag(w, MB2_INFO_MEMORY, memory, sizeof(memory), "", 0);
	put_map(w, facts->memory);
	put_tag(w, MB2_INFO_RSDP1, facts->rsdp_bytes, RSDP1_SIZE, "", 0);
	put_tag(w, MB2_INFO_RSDP2, facts->rsdp_bytes, RSDP2_SIZE, "", 0);
	put_tag(w, MB2_INFO_END, "", 0, "", 0);
	total = (u32)(w->gpa + w->used - at);
	if (!w->full)
		memcpy(writer_bytes(w, at), &total, sizeof(total));
	start->rax = MB2_LOADER_MAGIC;
	start->rbx = at;
}
