/* SPDX-License-Identifier: MIT */
/* monitor.elf: thread i serves vCPU i, one message after the other. */
#include "hv/ring3/monitor/monitor.h"

/* How long a character waits for room in root's ring: less than ring 0 waits for the monitor. */
#define RETRIES            2000u
#define RETRIES_PER_SECOND 1000u

static struct monitor monitor;

/* Thread 0's first message is MSG_START, before any other thread has one. */
static void init(void)
{
	const struct process_info *info = (const struct process_info *)USER_INFO;
	struct guest_memory memory = { (u8 *)USER_GUEST, info->config.memory };
	struct view image = { (const u8 *)USER_IMAGE, info->image_size };
	struct view module[VM_MODULES];

	for (u32 i = 0; i < VM_MODULES; i++)
		module[i] = (struct view){ (const u8 *)USER_MODULES + i * USER_MODULE_STRIDE,
			                   info->module_size[i] };

	monitor_init(&monitor, info, (const u8 *)USER_COUNTERS, (struct vm_console *)USER_CONSOLE,
	             memory, image, module);
}

static bool attempt(const struct sys *sys, bool last)
{
	bool done;

	lock_take(&monitor.lock, sys);
	done = monitor_handle(&monitor, sys, last);
	lock_drop(&monitor.lock);
	return done;
}

u64 rt_main(u64 index)
{
	const struct sys sys = { sys_call, tsc_read, sys_thread_page(index) };

	if (index == 0)
		init();
	for (;;) {
		u32 tries = 0;

		if (sys_reply_wait(&sys) < 0)
			return 1;
		while (!attempt(&sys, tries == RETRIES)) {
			sys_output(&sys);
			sys_sleep(&sys, monitor.info->tsc_hz / RETRIES_PER_SECOND);
			tries++;
		}
	}
}
