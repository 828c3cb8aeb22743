/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/mmu.h"

#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/image.h"
#include "hv/base/memory.h"
#include "hv/base/panic.h"
#include "hv/base/x86.h"
#include "hv/kernel/boot/memory.h"
#include "hv/kernel/cpu/core.h"

#define GDT_REACH 0x10000ull /* what selectors can name */
#define CPUID_1G  BIT(26)    /* 0x80000001 EDX */

static hpa_t root;
static u64 next_stack = STACK_AREA;
static u64 next_device = DEVICE_AREA;

hpa_t kernel_page_table(void)
{
	return root;
}

void pt_activate(hpa_t new_root)
{
	write_cr3(new_root.raw);
}

void pt_flush(u64 va, u64 len)
{
	for (u64 at = align_down(va, PAGE_SIZE); at < va + len; at += PAGE_SIZE)
		invlpg(at);
}

static void map_or_panic(u64 va, hpa_t hpa, u64 len, u32 flags)
{
	if (len != 0 && !pt_map(root, va, hpa, len, flags))
		panic("cannot map 0x%lx bytes at 0x%lx", len, va);
}

/* One kind of memory of the kernel image, at its own address. */
static void map_image(const u8 *start, const u8 *end, u32 flags)
{
	map_or_panic((u64)(uintptr_t)start, kernel_hpa(start), (u64)(end - start), flags);
}

static void map_direct(u64 start, u64 end, u32 flags)
{
	if (start < end)
		map_or_panic(DIRECT_MAP + start, HPA(start), end - start, flags);
}

/* All RAM, writable, but for the kernel's text and rodata. */
static void map_memory(const struct boot_info *info)
{
	u64 fixed = kernel_hpa(kernel_text).raw;
	u64 fixed_end = kernel_hpa(kernel_rodata_end).raw;
	hpa_t start = HPA(0);
	hpa_t end = HPA(0);

	for (; memory_next(info, &start, &end); start = end) {
		map_direct(start.raw, MIN(end.raw, fixed), PT_WRITE);
		map_direct(MAX(start.raw, fixed_end), end.raw, PT_WRITE);
	}
	map_direct(fixed, fixed_end, 0);
}

void mmu_init(const struct boot_info *info)
{
	const u8 *guard = boot_stack;

	pt_allow_1g((cpuid(0x80000001).edx & CPUID_1G) != 0);
	root = frame_alloc();
	if (root.raw == 0 || !pt_share(root, STACK_AREA) || !pt_share(root, DEVICE_AREA))
		panic("no memory for page tables");
	map_image(kernel_text, kernel_text_end, PT_EXEC);
	map_image(kernel_text_end, kernel_rodata_end, 0);
	map_image(kernel_rodata_end, guard, PT_WRITE);
	map_image(guard + PAGE_SIZE, kernel_end, PT_WRITE);
	map_memory(info);
	pt_activate(root);
}

static void map_frame(u64 va)
{
	hpa_t frame = frame_alloc();

	if (frame.raw == 0)
		panic("no memory for a stack");
	map_or_panic(va, frame, PAGE_SIZE, PT_WRITE);
}

u64 stack_create(void)
{
	u64 end = next_stack + STACK_SIZE;

	for (u64 va = next_stack + PAGE_SIZE; va < end; va += PAGE_SIZE)
		map_frame(va);
	next_stack = end;
	return end;
}

u64 *gdt_create(u32 entries)
{
	u64 end = next_stack + PAGE_SIZE;

	map_frame(next_stack);
	next_stack = align_up(end + GDT_REACH, STACK_SIZE);
	return (u64 *)(uintptr_t)end - entries;
}

void *map_device(hpa_t hpa, u64 len, u32 caching)
{
	u64 offset = hpa.raw & PAGE_MASK;
	u64 size = align_up(offset + len, PAGE_SIZE);
	u64 va = next_device;

	map_or_panic(va, HPA(hpa.raw - offset), size, PT_WRITE | caching);
	next_device += size;
	return (void *)(uintptr_t)(va + offset);
}
