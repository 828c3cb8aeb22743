/* SPDX-License-Identifier: MIT */
/*
 * What the kernel keeps for each core, and how it finds it.
 *
 * Every stack is STACK_SIZE long, aligned to that, its lowest page an unmapped guard, and its
 * highest 8 bytes hold the core's pointer. So this_core() needs neither GS nor a trap-safe swap of
 * it, and the guest's GS bases stay loaded:
 *
 *   end of stack  -8  struct core *
 *                -16  0                  <- stack_top: initial RSP, 16-byte aligned
 *                ...  frames, downwards
 *   end - STACK_SIZE  guard page
 *
 * `cores` is filled by boot; after that each field has the one writer that its comment names.
 */
#ifndef HV_CPU_CORE_H
#define HV_CPU_CORE_H

#include "hv/abi/limits.h"
#include "hv/base/types.h"

#define STACK_SIZE 0x4000ul

/* Selectors; SYSRET is not used, the order is free. */
#define SEL_KERNEL_CODE 0x08u
#define SEL_KERNEL_DATA 0x10u
#define SEL_USER_DATA   0x1bu
#define SEL_USER_CODE   0x23u
#define SEL_TSS         0x28u

/* SDM 3A figure 8-11. */
struct tss {
	u32 reserved0;
	u64 rsp[3]; /* rsp[0]: end of the CPU's frame in the current thread's struct user_regs */
	u64 reserved1;
	u64 ist[7]; /* ist[0]: NMI, ist[1]: #DF, ist[2]: #MC */
	u64 reserved2;
	u16 reserved3;
	u16 iomap; /* offset of the I/O bitmap; beyond the limit: no ports in ring 3 */
} PACKED;

/* Ports below this may be given to ring 3: a bitmap, and a byte of ones (SDM 1 19.5.2). */
#define PORTS_GRANTABLE 0x400u
#define IO_BITMAP_BYTES (PORTS_GRANTABLE / 8 + 1)

#define GDT_ENTRIES 7u /* null, kernel code and data, user data and code, TSS (two) */

struct core {
	u32 index;     /* 0 .. core_count() - 1 */
	u32 apic_id;   /* of the physical local APIC */
	u64 stack_top; /* where each kernel entry starts; constant */
	u32 online;    /* atomic; set by the core itself when it has reached C */

	struct tss tss ALIGNED(16);
	u8 io_bitmap[IO_BITMAP_BYTES]; /* right behind the TSS */
	u64 *gdt;                      /* GDT_ENTRIES, with nothing mapped behind (gdt_create) */
	u64 tsc_aux;                   /* the guest's, while root runs (hv/kernel/vcpu/loaded.c) */
} ALIGNED(CACHE_LINE);

extern struct core cores[MAX_CORES];

/* How many cores run: counted by boot, constant from the call of hv_main on. */
extern u32 cores_running;

static inline u32 core_count(void)
{
	return cores_running;
}

/* The calling core. Undefined in the few instructions of a stub whose RSP is in no stack. */
static ALWAYS_INLINE struct core *this_core(void)
{
	u64 rsp;

	__asm__("mov %%rsp, %0" : "=r"(rsp));
	return *(struct core **)(uintptr_t)((rsp | (STACK_SIZE - 1)) - 7);
}

/*
 * Halts until an interrupt has been handled (sti; hlt; cli). The caller has looked for work with
 * interrupts off: what is posted after that look sends a kick, and the kick ends the halt.
 */
void core_idle(void);

/* Takes the interrupts that are pending, on this stack (sti; nop; cli). */
void core_window(void);

/* Gives the stack up and calls a function, which never returns, on another or on the same anew. */
NORETURN void stack_switch(u64 stack_top, void (*function)(void *), void *argument);

/*
 * Before ring 3 runs on this core: whether that program may use the serial ports. A VM exit cuts
 * the TSS's limit, and with it any grant, so each time anew.
 */
void core_grant_ports(struct core *core, bool granted);

/* Boot, first core: the core's stacks; before it runs. Panics when there is no memory. */
void core_create(struct core *core, u32 index, u32 apic_id);

/* Boot, on the core itself: its GDT, TSS and the IDT; control registers, as far as CPUID offers. */
void core_load_tables(struct core *core);
void core_init_control(void);

#endif
