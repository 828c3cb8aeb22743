/* SPDX-License-Identifier: MIT */
/*
 * Loads from memory that is none and sends a string to a port, for ever, whatever the monitor makes
 * of its registers, of RIP, of the stack: each exception has a stack of its own, and leads back.
 * For monitors that answer with nonsense (tests/emu/ring3.t), which end it at last.
 */
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/window.h"

struct gate {
	u16 offset_low, selector;
	u8 stack, type;
	u16 offset_middle;
	u32 offset_high, reserved;
};

static struct gate gates[32] ALIGNED(16);
static u8 stack[4096] ALIGNED(16);
volatile u8 *hole;

void insist(void);

/* RIP moves by 15 bytes at most. */
__asm__(".globl insist\n"
        "insist:\n"
        "	mov hole, %rbx\n"
        "	mov (%rbx), %eax\n"
        "	.fill 16, 1, 0x90\n"
        "	mov $insist, %rsi\n"
        "	mov $0x1230, %edx\n"
        "	outsb\n"
        "	.fill 16, 1, 0x90\n"
        "	jmp insist\n");

int guest_main(void)
{
	const struct PACKED {
		u16 limit;
		u64 base;
	} pointer = { sizeof(gates) - 1, (u64)gates };
	u64 at = (u64)insist;
	u16 code;

	__asm__("mov %%cs, %0" : "=r"(code));
	for (u32 i = 0; i < ARRAY_SIZE(gates); i++)
		gates[i] = (struct gate){ (u16)at,         code, 1, 0x8e, (u16)(at >> 16),
			                  (u32)(at >> 32), 0 };
	hole = window_at(memory_hole());
	this_cpu()->tss.ist[0] = (u64)(stack + sizeof(stack));
	__asm__ volatile("cli; lidt %0" : : "m"(pointer));
	insist();
	return 1;
}
