/* SPDX-License-Identifier: MIT */
/* root.elf: one thread. */
#include "hv/root/root.h"

static struct root root;

u64 rt_main(u64 index)
{
	const struct root_machine machine = {
		.sys = { sys_call, tsc_read, sys_thread_page(index) },
		.ports = { port_in, port_out },
		.info = (const struct root_info *)USER_INFO,
		.consoles = (u8 *)USER_CONSOLE,
		.counters = (const u8 *)USER_COUNTERS,
		.cores = (const u8 *)USER_CORES,
	};

	root_start(&root, &machine);
	for (;;)
		root_step(&root);
}
