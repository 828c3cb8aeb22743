/* SPDX-License-Identifier: MIT */
/*
 * Root as it is, but it looks away until its first VM has ended, and then stops all VMs before it
 * has heard of that end.
 */
#include "hv/ring3/root/machine.h"

static struct root root;

u64 rt_main(u64 index)
{
	const struct root_machine machine = root_machine(index);

	root_start(&root, &machine);
	while (sys_query(&machine.sys, QUERY_VM_STATE, root.slot[0].id) != VM_ENDED)
		sys_sleep(&machine.sys, 1000);
	final_order(&root, POWER_OFF);
	for (;;)
		root_step(&root);
}
