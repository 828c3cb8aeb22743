/* SPDX-License-Identifier: MIT */
/* Root that looks at a vector register once its VMs run: there it would find a guest's. */
#include "hv/ring3/root/machine.h"

#define STEPS 50u

static struct root root;

u64 rt_main(u64 index)
{
	const struct root_machine machine = root_machine(index);
	u64 found;

	root_start(&root, &machine);
	for (u32 i = 0; i < STEPS; i++)
		root_step(&root);
	__asm__ volatile("movq %%xmm0, %0" : "=r"(found));
	return found;
}
