/* SPDX-License-Identifier: MIT */
/* Root as it is, until a moment after it has started its VMs: then it reads where nothing is. */
#include "hv/ring3/root/machine.h"

#define STEPS 50u

static struct root root;

u64 rt_main(u64 index)
{
	const struct root_machine machine = root_machine(index);

	root_start(&root, &machine);
	for (u32 i = 0; i < STEPS; i++)
		root_step(&root);
	__asm__ volatile("mov (%0), %0" : : "r"(0ull) : "memory");
	return 0;
}
