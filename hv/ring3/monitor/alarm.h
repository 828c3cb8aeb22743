/* SPDX-License-Identifier: MIT */
/*
 * Alarms: each thread of a monitor has one from ring 0 (SYS_ALARM), which its devices share here.
 * One of each kind for each thread; the earliest is the one that ring 0 knows.
 */
#ifndef HV_MONITOR_ALARM_H
#define HV_MONITOR_ALARM_H

#include "hv/abi/limits.h"
#include "hv/base/types.h"

struct monitor;

enum alarm_kind { ALARM_IOAPIC, ALARM_PMU, ALARM_PIT, ALARM_KINDS };

/* By vCPU: each has its thread. All in the host's TSC; 0: none. */
struct alarms {
	u64 due[MAX_VCPUS][ALARM_KINDS];
	u64 armed[MAX_VCPUS]; /* what ring 0 was asked for */
};

/* For the thread that handles the message at hand: `ticks` from its `now`; 0 cancels. */
void alarm_set(struct monitor *m, enum alarm_kind kind, u64 ticks);

/* MSG_SIGNAL: calls the devices whose alarms are due. Ring 0 has forgotten its own in any case. */
void alarm_signal(struct monitor *m);

#endif
