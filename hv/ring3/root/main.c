/* SPDX-License-Identifier: MIT */
/* root.elf: one thread. */
#include "hv/ring3/root/machine.h"

static struct root root;

u64 rt_main(u64 index)
{
	const struct root_machine machine = root_machine(index);

	root_start(&root, &machine);
	for (;;)
		root_step(&root);
}
