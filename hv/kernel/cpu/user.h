/* SPDX-License-Identifier: MIT */
/*
 * The border to ring 3.
 *
 * Ring 3 enters by int 0x80, by an exception, or is interrupted; always TSS.RSP0 points into the
 * current thread's struct user_regs, so the processor and the stub push straight into it:
 *
 *   +0   r15 r14 r13 r12 r11 r10 r9 r8 rbp rdi rsi rdx rcx rbx rax     the stub
 *   +120 vector, error code (0 when the vector has none)               the stub, or the CPU
 *   +136 rip cs rflags rsp ss                                          the CPU
 *   +176 kernel_stack                                                  <- RSP0
 *
 * The stub then loads kernel_stack and calls user_trap, with interrupts off, AC and DF clear, and
 * the page tables those of the process.
 */
#ifndef HV_CPU_USER_H
#define HV_CPU_USER_H

#include "hv/base/types.h"

struct user_regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
	u64 kernel_stack; /* written by user_resume: the core's stack */
	u64 reserved;
} ALIGNED(16);

static_assert(offsetof(struct user_regs, vector) == 120, "interrupt.asm pushes this layout");
static_assert(offsetof(struct user_regs, rip) == 136, "the CPU pushes this layout");
static_assert(offsetof(struct user_regs, kernel_stack) == 176, "interrupt.asm, RSP0");

/*
 * Runs ring 3 with these registers. The kernel stack is empty afterwards; the caller has activated
 * the address space. Takes rip, rflags (of which only the arithmetic flags and TF are taken; IF is
 * set), rsp and the GPRs; cs and ss are set here. Any value is safe: a non-canonical rip is made
 * to fault in ring 3.
 */
NORETURN void user_resume(struct user_regs *regs);

/* Zeroed registers that start at rip with a stack. */
void user_regs_init(struct user_regs *regs, u64 rip, u64 rsp);

/*
 * Supplied by the microkernel: ring 3 has stopped. regs->vector says why: an exception (0..31, but
 * for NMI, #DF and #MC), VECTOR_SYSCALL, VECTOR_KICK or VECTOR_TIMER (for both of which lapic_eoi
 * is still to be called), or anything else, which is for interrupt_unexpected. CR2 is still that of
 * a page fault. Runs on the core's empty stack.
 */
NORETURN void user_trap(struct user_regs *regs);

/* An interrupt that nobody asked for: reports APIC errors, acknowledges. From ring 3 or guests. */
void interrupt_unexpected(u8 vector);

/*
 * Supplied by the microkernel: an NMI that is nobody's here came on this core, wherever it was.
 * Runs on a stack of its own, in the midst of anything: takes no lock, prints nothing.
 */
void interrupt_nmi(void);

/* Supplied by the microkernel: an interrupt ended core_idle or came in core_window; acknowledged.
 * Returns soon. */
void interrupt_in_kernel(u8 vector);

#endif
