/* SPDX-License-Identifier: MIT */
#include "hv/kernel/boot/memory.h"

#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/base/panic.h"
#include "hv/base/image.h"

#define MIB       0x100000ull
#define BOOT_MAPS 0x100000000ull /* what the boot tables reach */
#define LOW_START 0x8000ull      /* clear of what BIOSes keep below */
#define LOW_END   0xa0000ull

/*
 * The ranges that must not be handed out, by number: true while there are more. Some are empty, for
 * example a region of RAM's.
 */
static bool used_range(const struct boot_info *info, u32 i, hpa_t *start, hpa_t *end)
{
	if (i < info->module_count) {
		*start = info->modules[i].start;
		*end = info->modules[i].end;
		return true;
	}
	i -= info->module_count;
	if (i < info->region_count) {
		*start = info->regions[i].start;
		*end = info->regions[i].type == BOOT_REGION_RAM ? *start : info->regions[i].end;
		return true;
	}
	i -= info->region_count;
	*start = i == 0 ? kernel_hpa(kernel_text) : i == 1 ? info->symtab : info->strtab;
	*end = i == 0   ? kernel_hpa(kernel_end)
	       : i == 1 ? HPA(info->symtab.raw + info->symtab_size)
	                : HPA(info->strtab.raw + info->strtab_size);
	return i <= 2;
}

/* Where [start, start + len) has a used range in it, the end of that; else start. */
static u64 skip_used(const struct boot_info *info, u64 start, u64 len)
{
	hpa_t from, to;

	for (u32 i = 0; used_range(info, i, &from, &to); i++) {
		if (from.raw < to.raw && from.raw < start + len && to.raw > start)
			return align_up(to.raw, PAGE_SIZE);
	}
	return start;
}

/* len unused bytes of RAM in whole pages, within [low, high); raw 0: none. */
static hpa_t find_room(const struct boot_info *info, u64 low, u64 high, u64 len)
{
	for (u32 i = 0; i < info->region_count; i++) {
		const struct boot_region *region = &info->regions[i];
		u64 end = MIN(region->end.raw, high);
		u64 at = MAX(align_up(region->start.raw, PAGE_SIZE), low);

		while (region->type == BOOT_REGION_RAM && at < end && len <= end - at) {
			u64 next = skip_used(info, at, len);

			if (next == at)
				return HPA(at);
			at = next;
		}
	}
	return HPA(0);
}

hpa_t memory_low_page(const struct boot_info *info)
{
	return find_room(info, LOW_START, LOW_END, PAGE_SIZE);
}

static u64 ram_end(const struct boot_info *info)
{
	u64 end = 0;

	for (u32 i = 0; i < info->region_count; i++) {
		if (info->regions[i].type == BOOT_REGION_RAM)
			end = MAX(end, info->regions[i].end.raw);
	}
	return end;
}

static bool is_mapped_type(u32 type)
{
	return type == BOOT_REGION_RAM || type == BOOT_REGION_ACPI || type == BOOT_REGION_NVS;
}

/* The lowest address from `at` up that a mapped region covers, and that region's end. */
static bool lowest_from(const struct boot_info *info, u64 at, u64 *start, u64 *end)
{
	*start = ~0ull;
	for (u32 i = 0; i < info->region_count; i++) {
		const struct boot_region *region = &info->regions[i];
		u64 from = MAX(align_down(region->start.raw, PAGE_SIZE), at);
		u64 to = align_up(region->end.raw, PAGE_SIZE);

		if (!is_mapped_type(region->type) || to <= at || from >= *start)
			continue;
		*start = from;
		*end = to;
	}
	return *start != ~0ull;
}

bool memory_next(const struct boot_info *info, hpa_t *start, hpa_t *end)
{
	u64 next_start, next_end;

	if (!lowest_from(info, start->raw, &start->raw, &end->raw))
		return false;
	while (lowest_from(info, end->raw, &next_start, &next_end) && next_start == end->raw)
		end->raw = next_end;
	return true;
}

/* The loader's word on where modules lie, held against its word on where memory is. */
static void check_modules(const struct boot_info *info)
{
	for (u32 i = 0; i < info->module_count; i++) {
		hpa_t start = info->modules[i].start;
		hpa_t end;

		if (!memory_next(info, &start, &end) || start.raw != info->modules[i].start.raw ||
		    end.raw < info->modules[i].end.raw)
			panic("module %u (%s) does not lie in RAM", i, info->modules[i].text);
	}
}

/*
 * Ring 3 sees a module's last page whole: what the loader left behind the end is cleared. Another
 * piece of the loader's that lies there, such as the kernel's symbols, stays.
 */
static void clear_tails(const struct boot_info *info)
{
	for (u32 i = 0; i < info->module_count; i++) {
		u64 at = info->modules[i].end.raw;

		for (u64 end = align_up(at, PAGE_SIZE); at < end; at++)
			if (skip_used(info, at, 1) == at)
				*(u8 *)hpa_to_ptr(HPA(at)) = 0;
	}
}

void memory_init(const struct boot_info *info)
{
	u64 frames = ram_end(info) >> PAGE_SHIFT;
	u64 size = align_up(frames, 64) / 8;
	hpa_t map = find_room(info, MIB, BOOT_MAPS, size);
	hpa_t start, end;

	if (map.raw == 0)
		panic("no room for a map of %lu frames in the memory below 4 GiB", frames);
	frames_init(hpa_to_ptr(map), frames);
	for (u32 i = 0; i < info->region_count; i++) {
		if (info->regions[i].type == BOOT_REGION_RAM)
			frames_give(info->regions[i].start, info->regions[i].end);
	}
	for (u32 i = 0; used_range(info, i, &start, &end); i++)
		frames_reserve(start, end);
	frames_reserve(HPA(0), HPA(MIB));
	frames_reserve(HPA(info->screen.address),
	               HPA(info->screen.address + screen_size(&info->screen)));
	frames_reserve(map, HPA(map.raw + size));
	check_modules(info);
	clear_tails(info);
}
