/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/kernel/boot/multiboot2.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"

#define MBI_SIZE_MAX 0x400000u /* far above any real one */

/* Physical addresses at and above this do not fit into the direct map (64 TiB). */
#define HPA_LIMIT (1ull << 46)

#define ELF_SHT_SYMTAB 2u

struct mbi_header {
	u32 total_size;
	u32 reserved;
};

struct mbi_tag {
	u32 type;
	u32 size; /* with this header, without the padding to 8 */
};

struct mbi_module {
	struct mbi_tag tag;
	u32 start;
	u32 end;
	char text[];
};

struct mbi_mmap {
	struct mbi_tag tag;
	u32 entry_size;
	u32 entry_version;
};

struct mbi_mmap_entry {
	u64 address;
	u64 length;
	u32 type;
	u32 zero;
};

struct mbi_elf {
	struct mbi_tag tag;
	u32 count;
	u32 entry_size;
	u32 names;
};

/* Not aligned to 8 in its tag. */
struct elf64_section {
	u32 name;
	u32 type;
	u64 flags, address, offset, size;
	u32 link;
	u32 info;
	u64 align, entry_size;
} PACKED;

/* A copy of a tag's string, which ends with the tag if no 0 comes first; NULL: no room. */
static const char *keep_text(struct boot_info *info, const char *text, size_t max)
{
	char *copy = info->text + info->text_used;
	size_t len = 0;

	while (len < max && text[len] != '\0')
		len++;
	if (len >= sizeof(info->text) - info->text_used)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	info->text_used += (u32)len + 1;
	return copy;
}

static const char *parse_cmdline(const struct mbi_tag *tag, struct boot_info *info)
{
	info->cmdline = keep_text(info, (const char *)(tag + 1), tag->size - sizeof(*tag));
	return info->cmdline == NULL ? "the command line is too long" : NULL;
}

static const char *parse_module(const struct mbi_tag *tag, struct boot_info *info)
{
	const struct mbi_module *m = (const struct mbi_module *)tag;
	struct boot_module *module;

	if (info->module_count == BOOT_MODULES_MAX)
		return "more than 64 modules";
	if (m->end < m->start || (m->start & PAGE_MASK) != 0)
		return "a module's range is not valid";
	module = &info->modules[info->module_count++];
	module->start = HPA(m->start);
	module->end = HPA(m->end);
	module->text = keep_text(info, m->text, tag->size - sizeof(*m));
	return module->text == NULL ? "the modules' command lines are too long" : NULL;
}

static const char *add_region(struct boot_info *info, const struct mbi_mmap_entry *e)
{
	struct boot_region *region = &info->regions[info->region_count];

	if (e->length == 0 || e->address >= HPA_LIMIT)
		return NULL;
	if (info->region_count == BOOT_REGIONS_MAX)
		return "the memory map has too many regions";
	region->start = HPA(e->address);
	region->end = HPA(e->address + MIN(e->length, HPA_LIMIT - e->address));
	region->type = e->type;
	info->region_count++;
	return NULL;
}

static const char *parse_mmap(const struct mbi_tag *tag, struct boot_info *info)
{
	const struct mbi_mmap *map = (const struct mbi_mmap *)tag;
	const u8 *entry = (const u8 *)(map + 1);
	const u8 *end = (const u8 *)tag + tag->size;

	if (map->entry_size < sizeof(struct mbi_mmap_entry) || map->entry_size % 8 != 0)
		return "the memory map's entries are too small";
	for (; (size_t)(end - entry) >= map->entry_size; entry += map->entry_size) {
		const char *error = add_region(info, (const void *)entry);

		if (error != NULL)
			return error;
	}
	return NULL;
}

/* Both versions come as tags of their own; the newer one wins wherever it stands. */
static const char *parse_rsdp(const struct mbi_tag *tag, struct boot_info *info)
{
	u32 size = tag->type == 15 ? 36 : 20;

	if (tag->size < sizeof(*tag) + size || size < info->rsdp_size)
		return NULL;
	memcpy(info->rsdp, tag + 1, size);
	info->rsdp_size = size;
	return NULL;
}

#define FRAMEBUFFER_RGB  1u
#define FRAMEBUFFER_TEXT 2u

/* Where the loader says nothing, the screen is as the firmware leaves it. */
static const struct screen vga_text = {
	.address = 0xb8000, .pitch = 160, .width = 80, .height = 25
};

static const char *parse_screen(const struct mbi_tag *tag, struct boot_info *info)
{
	struct screen *s = &info->screen;

	memcpy(s, tag + 1, MIN(tag->size - sizeof(*tag), sizeof(*s)));
	if (s->type == FRAMEBUFFER_TEXT)
		*s = vga_text;
	else if (s->type != FRAMEBUFFER_RGB || s->depth % 8 != 0 || s->depth < 16 ||
	         s->depth > 32 || (s->address & PAGE_MASK) != 0 || s->address >= HPA_LIMIT ||
	         s->width > s->pitch / (s->depth / 8) || screen_size(s) > SCREEN_BYTES_MAX)
		*s = (struct screen){ 0 };
	return NULL;
}

static bool section_loaded(const struct elf64_section *section)
{
	return section->address != 0 && section->address < HPA_LIMIT &&
	       section->size < HPA_LIMIT - section->address;
}

/* Symbols are a comfort: a table that is not well-formed is left out, without a word. */
static const char *parse_elf(const struct mbi_tag *tag, struct boot_info *info)
{
	const struct mbi_elf *elf = (const struct mbi_elf *)tag;
	const struct elf64_section *sections = (const void *)(elf + 1);
	u64 room = (tag->size - sizeof(*elf)) / sizeof(*sections);

	if (elf->entry_size != sizeof(*sections) || elf->count > room)
		return NULL;
	for (u32 i = 0; i < elf->count; i++) {
		const struct elf64_section *symbols = &sections[i];

		if (symbols->type != ELF_SHT_SYMTAB || symbols->link >= elf->count ||
		    !section_loaded(symbols) || !section_loaded(&sections[symbols->link]))
			continue;
		info->symtab = HPA(symbols->address);
		info->symtab_size = symbols->size;
		info->strtab = HPA(sections[symbols->link].address);
		info->strtab_size = sections[symbols->link].size;
	}
	return NULL;
}

/* A row for each tag that we read; the others are passed over. */
static const struct {
	u32 type;
	u32 size_min;
	const char *(*parse)(const struct mbi_tag *, struct boot_info *);
} tag_parsers[] = {
	{ 1, sizeof(struct mbi_tag), parse_cmdline },
	{ 3, sizeof(struct mbi_module), parse_module },
	{ 6, sizeof(struct mbi_mmap), parse_mmap },
	{ 8, sizeof(struct mbi_tag) + 24, parse_screen },
	{ 9, sizeof(struct mbi_elf), parse_elf },
	{ 14, sizeof(struct mbi_tag) + 20, parse_rsdp },
	{ 15, sizeof(struct mbi_tag) + 36, parse_rsdp },
};

static const char *parse_tag(const struct mbi_tag *tag, struct boot_info *info)
{
	for (size_t i = 0; i < ARRAY_SIZE(tag_parsers); i++) {
		if (tag_parsers[i].type == tag->type && tag->size >= tag_parsers[i].size_min)
			return tag_parsers[i].parse(tag, info);
	}
	return NULL;
}

const char *multiboot2_parse(const void *mbi, struct boot_info *info)
{
	const struct mbi_header *header = mbi;
	u32 at = sizeof(*header);

	memset(info, 0, sizeof(*info));
	info->cmdline = "";
	info->screen = vga_text;
	if (header->total_size > MBI_SIZE_MAX)
		return "the boot information is too large";
	while (at < header->total_size && header->total_size - at >= sizeof(struct mbi_tag)) {
		const struct mbi_tag *tag = (const void *)((const u8 *)mbi + at);
		const char *error;

		if (tag->type == 0)
			return info->region_count == 0 ? "there is no memory map" : NULL;
		if (tag->size < sizeof(*tag) || tag->size > header->total_size - at)
			break;
		error = parse_tag(tag, info);
		if (error != NULL)
			return error;
		at += (u32)align_up(tag->size, 8);
	}
	return "the boot information is cut off";
}

bool boot_option(const char *cmdline, const char *key, char *out, size_t size)
{
	size_t len = 0;

	while (strncmp(cmdline, key, strlen(key)) != 0) {
		while (*cmdline != ' ' && *cmdline != '\0')
			cmdline++;
		while (*cmdline == ' ')
			cmdline++;
		if (*cmdline == '\0')
			return false;
	}
	for (cmdline += strlen(key); *cmdline != ' ' && *cmdline != '\0'; cmdline++) {
		if (len + 1 < size)
			out[len++] = *cmdline;
	}
	out[len] = '\0';
	return true;
}
