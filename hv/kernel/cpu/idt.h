/* SPDX-License-Identifier: MIT */
/* The interrupt descriptor table, one for all cores, and the stacks that its gates switch to. */
#ifndef HV_CPU_IDT_H
#define HV_CPU_IDT_H

#include "hv/base/types.h"

/*
 * Indices of the TSS's interrupt stacks. #DB has none: all entries are interrupt gates, VM exit
 * clears DR7, ring 3 cannot set it, so none can come while RSP is not a kernel stack; and from
 * ring 3 it belongs into the thread's user_regs as any other exception.
 */
enum { IST_NONE, IST_NMI, IST_DOUBLE_FAULT, IST_MACHINE_CHECK };

/* Fills the table; idempotent. First core, as early as possible: makes crashes readable. */
void idt_init(void);

/* Points this core at it. */
void idt_load(void);

struct user_regs;

/* From the stubs: what came while in ring 0, or on an interrupt stack. Returns to it, or never. */
void kernel_trap(const struct user_regs *regs);

#endif
