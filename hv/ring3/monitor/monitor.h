/* SPDX-License-Identifier: MIT */
/*
 * A VM's monitor: all of its state, and what devices may do to the world around them.
 *
 * One struct monitor for each VM, shared by the threads that serve its vCPUs. Whoever handles a
 * message holds `lock` (main.c takes it), so that devices need none of their own. Devices are pure:
 * they reach the world through `sys` and through the reply at hand only, and run in host tests.
 */
#ifndef HV_MONITOR_MONITOR_H
#define HV_MONITOR_MONITOR_H

#include "hv/abi/process.h"
#include "hv/ring3/monitor/alarm.h"
#include "hv/ring3/monitor/cmos.h"
#include "hv/ring3/monitor/crt.h"
#include "hv/ring3/monitor/fwcfg.h"
#include "hv/ring3/monitor/ioapic.h"
#include "hv/ring3/monitor/pit.h"
#include "hv/ring3/monitor/platform_msr.h"
#include "hv/ring3/monitor/pmu.h"
#include "hv/ring3/monitor/uart.h"
#include "hv/ring3/monitor/view.h"
#include "hv/ring3/rt/lock.h"
#include "hv/ring3/rt/sys.h"

struct monitor {
	struct lock lock;

	/* Constant once monitor_init has run. */
	const struct process_info *info;
	struct vm_console *console;
	const u8 *counters; /* of the VM: + vcpu * COUNTERS_STRIDE, as ring 0 writes them */
	struct guest_memory memory;
	struct view image, module[VM_MODULES];

	/* Of the message at hand. */
	const struct sys *sys; /* the calling thread's */
	struct reply *reply;
	u32 vcpu;   /* whose it is; its thread is the one that handles it */
	u64 now;    /* host's TSC */
	bool again; /* a device cannot take the write yet: handle the message once more, later */

	/* Devices: each file's functions are the only ones that touch its state. */
	struct uart uart[CONSOLE_CHANNELS];
	struct alarms alarms;
	struct ioapic ioapic;
	struct cmos cmos;
	struct pit pit;
	struct platform_msrs msrs;
	struct pmu pmu;
	struct fwcfg fwcfg;
	struct crt crt;
	u8 reset_control; /* port 0xcf9, as last written */
	u64 output_lost;  /* characters that nobody took in time */
};

/* Power-on state. */
void monitor_init(struct monitor *m, const struct process_info *info, const u8 *counters,
                  struct vm_console *console, struct guest_memory memory, struct view image,
                  const struct view module[VM_MODULES]);

/*
 * Answers one message, with the lock held. False: nothing was answered, for a device has no room
 * for the write; call again after a while (MONITOR_RETRY_TICKS), with `last` set when no further
 * attempt will be made, so that the write is lost rather than the VM.
 */
MUST_USE bool monitor_handle(struct monitor *m, const struct sys *sys, bool last);

#endif
