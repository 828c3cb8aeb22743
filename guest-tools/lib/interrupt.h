/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and exceptions. One IDT for all CPUs. An exception without a handler, outside
 * trap_call, is reported on the console and ends the guest with failure; an interrupt without a
 * handler is counted in struct cpu and gets no EOI.
 */
#ifndef GUEST_INTERRUPT_H
#define GUEST_INTERRUPT_H

#include "hv/base/types.h"

#define VECTOR_DB  1u
#define VECTOR_NMI 2u
#define VECTOR_BP  3u
#define VECTOR_UD  6u
#define VECTOR_DF  8u
#define VECTOR_GP  13u
#define VECTOR_PF  14u

/* Vectors the kit itself uses; images take theirs from 0x20..0xdf. */
#define VECTOR_USER_EXIT 0x80u
#define VECTOR_WAKE      0xf0u
#define VECTOR_SPURIOUS  0xffu

#define SELECTOR_CODE      0x08u
#define SELECTOR_DATA      0x10u
#define SELECTOR_CODE32    0x18u
#define SELECTOR_USER_DATA 0x20u
#define SELECTOR_USER_CODE 0x28u
#define SELECTOR_TSS(cpu)  (0x30u + (cpu)*16u)

/* The frame that interrupt.asm pushes. */
struct interrupt_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* The part that the processor pushes; for handlers with __attribute__((interrupt)). */
struct raw_frame {
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*interrupt_fn)(struct interrupt_frame *frame);

/* Loads IDT, GDT and TSS on this CPU. Called by cpu_setup. */
struct cpu;
void interrupt_cpu_setup(struct cpu *cpu);

/* Once, before the first CPU's setup. */
void interrupt_init(void);

/* The handler of a vector, for all CPUs; NULL takes it away. It sends its own EOI. */
void interrupt_handle(u32 vector, interrupt_fn fn);

/*
 * Sets a handler without the kit's entry: the function has __attribute__((interrupt)) and saves
 * only what it uses. For benchmarks.
 */
#define FROM_INTERRUPT __attribute__((no_caller_saved_registers)) /* what such a function calls */
void interrupt_handle_raw(u32 vector, void (*fn)(struct raw_frame *frame));

/* Runs fn(arg); returns -1, or the vector of the exception that ended it. Nests. */
int trap_call(void (*fn)(void *arg), void *arg);

/* Error code of the last exception that ended a trap_call, and its address (CR2). */
u64 trap_error(void);

/* Runs fn(arg) at CPL 3 on the stack given and returns its result. */
u64 user_call(u64 (*fn)(u64 arg), u64 arg, void *stack_top);

#endif
