/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/core.h"

#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/idt.h"
#include "hv/kernel/cpu/mmu.h"

struct core cores[MAX_CORES];
u32 cores_running = 1;

/* Where a stack's owner stands, and the highest RSP below it. */
#define STACK_OWNER 8
#define STACK_TOP   16

/* GDT descriptors (SDM 3A 3.4.5): present, accessed, DPL, and L for code. */
#define GDT_KERNEL_CODE 0x00af9b000000ffffull
#define GDT_KERNEL_DATA 0x00cf93000000ffffull
#define GDT_USER_DATA   0x00cff3000000ffffull
#define GDT_USER_CODE   0x00affb000000ffffull
#define GDT_TSS         0x0000890000000000ull
#define GDT_TSS_INDEX   (SEL_TSS / 8)
#define GDT_BUSY        0x0000020000000000ull

#define NO_PORTS 0xffffu /* beyond any limit */
#define COM1     0x3f8u  /* eight ports each: one byte of the bitmap */
#define COM2     0x2f8u
#define KEYBOARD 0x60u /* and its status and commands at 0x64 */
#define ITS_BITS 0xeeu
static_assert(offsetof(struct core, io_bitmap) == offsetof(struct core, tss) + sizeof(struct tss),
              "the bitmap is addressed from the TSS");

struct descriptor_register {
	u16 limit;
	u64 base;
} PACKED;

static u64 stack_for(struct core *core)
{
	u64 end = stack_create();

	*(struct core **)(uintptr_t)(end - STACK_OWNER) = core;
	return end - STACK_TOP;
}

void core_create(struct core *core, u32 index, u32 apic_id)
{
	core->index = index;
	core->apic_id = apic_id;
	core->stack_top = stack_for(core);
	core->tss.ist[IST_NMI - 1] = stack_for(core);
	core->tss.ist[IST_DOUBLE_FAULT - 1] = stack_for(core);
	core->tss.ist[IST_MACHINE_CHECK - 1] = stack_for(core);
	core->tss.iomap = NO_PORTS;
	core->gdt = gdt_create(GDT_ENTRIES);
	memset(core->io_bitmap, 0xff, sizeof(core->io_bitmap));
	core->io_bitmap[COM1 / 8] = 0;
	core->io_bitmap[COM2 / 8] = 0;
	core->io_bitmap[KEYBOARD / 8] = ITS_BITS;
}

void core_grant_ports(struct core *core, bool granted)
{
	core->tss.iomap = granted ? sizeof(core->tss) : NO_PORTS;
	if (!granted)
		return;
	core->gdt[GDT_TSS_INDEX] &= ~GDT_BUSY;
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

static void fill_gdt(struct core *core)
{
	u64 tss = (u64)(uintptr_t)&core->tss;

	core->gdt[SEL_KERNEL_CODE / 8] = GDT_KERNEL_CODE;
	core->gdt[SEL_KERNEL_DATA / 8] = GDT_KERNEL_DATA;
	core->gdt[SEL_USER_DATA / 8] = GDT_USER_DATA;
	core->gdt[SEL_USER_CODE / 8] = GDT_USER_CODE;
	core->gdt[GDT_TSS_INDEX] = GDT_TSS | (sizeof(core->tss) + sizeof(core->io_bitmap) - 1) |
	                           (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	core->gdt[GDT_TSS_INDEX + 1] = tss >> 32;
}

/* CS is right already: the boot GDTs have the same descriptor at the same place. */
void core_load_tables(struct core *core)
{
	struct descriptor_register gdtr = { GDT_ENTRIES * sizeof(*core->gdt) - 1,
		                            (u64)(uintptr_t)core->gdt };

	fill_gdt(core);
	__asm__ volatile("lgdt %0" : : "m"(gdtr) : "memory");
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"(SEL_KERNEL_DATA));
	__asm__ volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
	__asm__ volatile("ltr %w0; lldt %w1" : : "r"(SEL_TSS), "r"(0) : "memory");
}

/* A row for each bit of CR4 beyond what long mode needs: where CPUID offers it. */
static const struct {
	u64 cr4;
	u32 leaf;
	char reg; /* of EBX, ECX, EDX */
	u32 bit;
} cr4_features[] = {
	{ CR4_MCE, 1, 'd', BIT32(7) },      { CR4_PGE, 1, 'd', BIT32(13) },
	{ CR4_OSFXSR, 1, 'd', BIT32(24) },  { CR4_OSXMMEXCPT, 1, 'd', BIT32(25) },
	{ CR4_OSXSAVE, 1, 'c', BIT32(26) }, { CR4_SMEP, 7, 'b', BIT32(7) },
	{ CR4_SMAP, 7, 'b', BIT32(20) },    { CR4_UMIP, 7, 'c', BIT32(2) },
};

void core_init_control(void)
{
	u64 cr4 = CR4_PAE;

	for (size_t i = 0; i < ARRAY_SIZE(cr4_features); i++) {
		struct cpuid r = { 0 };
		u32 word;

		if (cpuid(0).eax >= cr4_features[i].leaf)
			r = cpuid(cr4_features[i].leaf);
		word = cr4_features[i].reg == 'b'   ? r.ebx
		       : cr4_features[i].reg == 'c' ? r.ecx
		                                    : r.edx;
		if ((word & cr4_features[i].bit) != 0)
			cr4 |= cr4_features[i].cr4;
	}
	write_cr4(cr4);
	wrmsr(IA32_PAT, PAT_HOST);  /* the firmware's may differ, and from core to core */
	wrmsr(IA32_SYSENTER_CS, 0); /* null: SYSENTER is #GP, as after each VM exit */
	write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	wrmsr(IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE);
}
