/* SPDX-License-Identifier: MIT */
/* Page tables with random bits, descriptors with random bits, selectors of any kind. */
#include "guest-tools/hostile/hostile.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/window.h"

/* ---- page tables ---- */

static u64 table[512] ALIGNED(4096);

/* Where an entry leads: memory, the APICs, a hole, nowhere. */
static u64 frame(u64 *seed)
{
	static const u64 frames[] = { 0, 0x200000, 0xfee00000, 0xfec00000, 0xfe000000, 0xc0000000 };

	return once_in(seed, 8) ? wild(seed) & 0x000ffffffffff000 : ONE_OF(seed, frames);
}

static u64 entry(u64 *seed)
{
	u64 value = frame(seed) | below(seed, 512) | 1;

	return once_in(seed, 4) ? value ^ 1ull << below(seed, 64) : value;
}

static void touch(u64 *seed, u8 *at)
{
	switch (below(seed, 4)) {
	case 0:
	case 1:
		(void)*(volatile u32 *)at;
		break;
	case 2:
		*(volatile u32 *)(at + 0xff0) = (u32)wild(seed);
		break;
	default:
		__asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
		break;
	}
}

/* A directory's entry of any kind, or a table of our own with one. A store goes to the scratch page
 * if it goes to memory at all, as far as that can be told. */
static void pages_operate(u64 *seed)
{
	u64 index = below(seed, 512);
	u64 value = entry(seed);
	u8 *at;

	if (once_in(seed, 2)) {
		table[index] = once_in(seed, 2) ? value : (u64)scratch | below(seed, 512) | 1;
		value = (u64)table | 7;
	} else if (!once_in(seed, 8192)) {
		value |= 0x80; /* large: a table that is not there ends the VM, which is told */
	}
	at = window_entry(value);
	at += index * 4096;
	if ((value & ~0xfffull) < 0x400000 && value != ((u64)table | 7))
		(void)*(volatile u32 *)at;
	else
		touch(seed, at);
}

static void pages_restore(void)
{
	(void)window_entry(0x87);
}

const struct kind kind_pages = {
	.name = "pages",
	.step = 512,
	.operate = pages_operate,
	.restore = pages_restore,
};

/* ---- segments ---- */

#define ENTRIES       1024u
#define FIRST_SCRATCH 512u

struct PACKED table_pointer {
	u16 limit;
	u64 base;
};

static u64 gdt[ENTRIES] ALIGNED(16);
static struct table_pointer usual, idt_usual;

static void segments_begin(void)
{
	struct table_pointer kit;

	__asm__ volatile("sgdt %0" : "=m"(kit));
	memcpy(gdt, (const void *)kit.base, kit.limit + 1u);
	usual = (struct table_pointer){ sizeof(gdt) - 1, (u64)gdt };
	__asm__ volatile("lgdt %0" : : "m"(usual));
	__asm__ volatile("sidt %0" : "=m"(idt_usual));
}

static void segments_restore(void)
{
	__asm__ volatile("lgdt %0; lidt %1; mov %2, %%ds; mov %2, %%es; mov %2, %%ss"
	                 :
	                 : "m"(usual), "m"(idt_usual), "r"(SELECTOR_DATA)
	                 : "memory");
	wrmsr(MSR_GS_BASE, (u64)&cpus[0]);
}

/* Code of 16 or 32 bits: the bytes behind a jump there are another instruction, with a base that
 * may lead where there is no memory. */
static bool is_old_code(u16 sel)
{
	u64 d = gdt[sel / 8 % ENTRIES];

	return (sel & 4) == 0 && (d >> 43 & 3) == 3 && (d >> 53 & 1) == 0;
}

static u16 selector(u64 *seed)
{
	switch (below(seed, 4)) {
	case 0:
		return (u16)below(seed, 0x60);
	case 1:
		return (u16)wild(seed);
	default:
		return (u16)((FIRST_SCRATCH + below(seed, ENTRIES - FIRST_SCRATCH)) * 8 +
		             (once_in(seed, 4) ? below(seed, 8) : 0));
	}
}

/* Goes on behind itself if that selector is 64-bit code; what else it is faults, or runs a few
 * bytes of another kind of code and then faults. */
static void far_return(u16 sel)
{
	__asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1: ud2"
	                 :
	                 : "r"((u64)sel)
	                 : "rax", "memory");
}

static void interrupt_return(u64 sel, u64 stack, u64 flags)
{
	__asm__ volatile("movq %%rsp, %%rcx; pushq %1; pushq %%rcx; pushq %2; pushq %0;"
	                 "leaq 1f(%%rip), %%rax; pushq %%rax; iretq; 1: ud2"
	                 :
	                 : "r"(sel), "r"(stack), "r"(flags)
	                 : "rax", "rcx", "memory");
}

static void look_at(u16 sel)
{
	u32 rights;

	__asm__ volatile("lar %1, %0" : "=r"(rights) : "r"((u32)sel) : "cc");
	__asm__ volatile("lsl %1, %0" : "=r"(rights) : "r"((u32)sel) : "cc");
	__asm__ volatile("verr %w0; verw %w0" : : "r"((u32)sel) : "cc");
}

static void load_segment(u64 *seed, u16 sel)
{
	switch (below(seed, 7)) {
	case 0:
		__asm__ volatile("mov %w0, %%ds" : : "r"((u32)sel) : "memory");
		break;
	case 1:
		__asm__ volatile("mov %w0, %%es" : : "r"((u32)sel) : "memory");
		break;
	case 2:
		__asm__ volatile("mov %w0, %%fs" : : "r"((u32)sel) : "memory");
		break;
	case 3:
		__asm__ volatile("mov %w0, %%gs" : : "r"((u32)sel) : "memory");
		wrmsr(MSR_GS_BASE, (u64)&cpus[0]);
		break;
	case 4:
		__asm__ volatile("mov %w0, %%ss; nop" : : "r"((u32)sel) : "memory");
		break;
	case 5:
		__asm__ volatile("lldt %w0" : : "r"((u32)sel) : "memory");
		break;
	default:
		__asm__ volatile("ltr %w0" : : "r"((u32)sel) : "memory");
		break;
	}
}

static void load_tables(u64 *seed)
{
	struct table_pointer pointer = { (u16)wild(seed),
		                         once_in(seed, 2) ? (u64)gdt : wild(seed) };

	if (once_in(seed, 2)) {
		__asm__ volatile("lgdt %0; lgdt %1" : : "m"(pointer), "m"(usual) : "memory");
		return;
	}
	__asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
	if (once_in(seed, 4096))
		__asm__ volatile("int3");
	__asm__ volatile("lidt %0" : : "m"(idt_usual) : "memory");
}

static void segments_operate(u64 *seed)
{
	u16 sel;

	gdt[FIRST_SCRATCH + below(seed, ENTRIES - FIRST_SCRATCH)] =
		once_in(seed, 2) ? gdt[1 + below(seed, 6)] ^ 1ull << below(seed, 64)
				 : random_next(seed);
	sel = selector(seed);
	if ((is_old_code(sel) || (sel & 4) != 0) && !once_in(seed, 512))
		sel = SELECTOR_CODE;
	switch (below(seed, 6)) {
	case 0:
		look_at(sel);
		break;
	case 1:
		load_tables(seed);
		break;
	case 2:
		far_return(sel);
		break;
	case 3:
		interrupt_return(sel, once_in(seed, 2) ? SELECTOR_DATA : selector(seed),
		                 2 | (wild(seed) & ~0x24300ull));
		break;
	default:
		load_segment(seed, sel);
		break;
	}
}

const struct kind kind_segments = {
	.name = "segments",
	.step = 256,
	.begin = segments_begin,
	.operate = segments_operate,
	.restore = segments_restore,
};
