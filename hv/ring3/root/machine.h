/* SPDX-License-Identifier: MIT */
/* The world as root's program finds it. Not for the host: tests have a world of their own. */
#ifndef HV_ROOT_MACHINE_H
#define HV_ROOT_MACHINE_H

#include "hv/ring3/root/root.h"

/* For the thread with this index. */
static inline struct root_machine root_machine(u64 index)
{
	return (struct root_machine){
		.sys = { sys_call, tsc_read, sys_thread_page(index) },
		.ports = { port_in, port_out },
		.info = (const struct root_info *)USER_INFO,
		.consoles = (u8 *)USER_CONSOLE,
		.counters = (const u8 *)USER_COUNTERS,
		.cores = (const u8 *)USER_CORES,
		.screen = (void *)USER_SCREEN,
	};
}

#endif
