/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/user.h"

#include "hv/base/memory.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/core.h"

/* What ring 3 may have set in RFLAGS: CF PF AF ZF SF TF DF OF AC ID. */
#define RFLAGS_USER 0x240dd5ull

/* IRET faults in ring 0 on an address that is not canonical; this one faults in ring 3. */
#define RIP_NOWHERE (~0ull)

NORETURN void user_return(struct user_regs *regs);

void user_resume(struct user_regs *regs)
{
	struct core *core = this_core();

	core->tss.rsp[0] = (u64)(uintptr_t)&regs->kernel_stack;
	regs->kernel_stack = core->stack_top;
	if (unlikely(regs->rip >= USER_VA_END))
		regs->rip = RIP_NOWHERE;
	regs->cs = SEL_USER_CODE;
	regs->ss = SEL_USER_DATA;
	regs->rflags = (regs->rflags & RFLAGS_USER) | RFLAGS_IF | RFLAGS_ONE;
	user_return(regs);
}

void user_regs_init(struct user_regs *regs, u64 rip, u64 rsp)
{
	*regs = (struct user_regs){ .rip = rip, .rsp = rsp };
}
