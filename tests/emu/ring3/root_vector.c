/* SPDX-License-Identifier: MIT */
/*
 * Root that looks at TSC_AUX while its VMs run, and then at a vector register: it would find a
 * guest's. TSC_AUX is 0, or root ends at a null pointer; the vector register is out of reach (#NM).
 */
#include "hv/ring3/root/machine.h"

#define STEPS 50u

static struct root root;

u64 rt_main(u64 index)
{
	const struct root_machine machine = root_machine(index);
	u64 found;

	root_start(&root, &machine);
	for (u32 i = 0; i < STEPS; i++) {
		u32 aux;

		root_step(&root);
		__asm__ volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
		if (aux != 0)
			__asm__ volatile("mov %0, 0" : : "r"(aux) : "memory");
	}
	__asm__ volatile("movq %%xmm0, %0" : "=r"(found));
	return found;
}
