/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/idt.h"

#include "hv/base/printk.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/user.h"
#include "hv/kernel/cpu/vectors.h"

#define VECTORS   256u
#define STUB_SIZE 16u

#define GATE_INTERRUPT 0x8e00u /* present, DPL 0, 64-bit interrupt gate (SDM 3A 6.14.1) */
#define GATE_DPL3      0x6000u

struct gate {
	u16 offset_low;
	u16 selector;
	u16 attributes; /* bits 2..0: interrupt stack */
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
};

struct idt_register {
	u16 limit;
	u64 base;
} PACKED;

extern const u8 interrupt_stubs[VECTORS][STUB_SIZE];

static struct gate idt[VECTORS] ALIGNED(16);

static void set_gate(u32 vector, u32 attributes)
{
	u64 stub = (u64)(uintptr_t)interrupt_stubs[vector];

	idt[vector] = (struct gate){
		.offset_low = (u16)stub,
		.selector = SEL_KERNEL_CODE,
		.attributes = (u16)(GATE_INTERRUPT | attributes),
		.offset_mid = (u16)(stub >> 16),
		.offset_high = (u32)(stub >> 32),
	};
}

void idt_init(void)
{
	for (u32 vector = 0; vector < VECTORS; vector++)
		set_gate(vector, 0);
	set_gate(VECTOR_NMI, IST_NMI);
	set_gate(VECTOR_DOUBLE_FAULT, IST_DOUBLE_FAULT);
	set_gate(VECTOR_MACHINE_CHECK, IST_MACHINE_CHECK);
	set_gate(VECTOR_SYSCALL, GATE_DPL3);
}

void idt_load(void)
{
	struct idt_register idtr = { sizeof(idt) - 1, (u64)(uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
}

void interrupt_unexpected(u8 vector)
{
	if (vector == VECTOR_SPURIOUS)
		return;
	if (vector == VECTOR_ERROR)
		printk("local APIC error 0x%x on core %u\n", lapic_take_errors(),
		       this_core()->index);
	lapic_eoi();
}

void kernel_trap(const struct user_regs *regs)
{
	u8 vector = (u8)regs->vector;

	if (vector == VECTOR_NMI) {
		crash_nmi();
		interrupt_nmi();
	} else if (vector < 32) {
		crash_exception(regs);
	} else if (vector >= VECTOR_POSTED && vector <= VECTOR_TIMER) {
		lapic_eoi();
		interrupt_in_kernel(vector);
	} else {
		interrupt_unexpected(vector);
	}
}
