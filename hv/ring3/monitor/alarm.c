/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/alarm.h"

#include "hv/base/bits.h"
#include "hv/ring3/monitor/monitor.h"

static void (*const devices[ALARM_KINDS])(struct monitor *) = {
	[ALARM_IOAPIC] = ioapic_signal,
	[ALARM_PMU] = pmu_signal,
	[ALARM_PIT] = pit_signal,
};

static void arm(struct monitor *m)
{
	const u64 *due = m->alarms.due[m->vcpu];
	u64 *armed = &m->alarms.armed[m->vcpu];
	u64 first = 0;

	for (u32 i = 0; i < ALARM_KINDS; i++)
		if (due[i] != 0 && (first == 0 || due[i] < first))
			first = due[i];
	if (first == *armed)
		return;
	*armed = first;
	if (first == 0)
		sys_alarm(m->sys, 0);
	else
		sys_alarm(m->sys, first > m->now ? first - m->now : 1);
}

void alarm_set(struct monitor *m, enum alarm_kind kind, u64 ticks)
{
	m->alarms.due[m->vcpu][kind] = ticks == 0 ? 0 : m->now + ticks;
	arm(m);
}

void alarm_signal(struct monitor *m)
{
	u64 *due = m->alarms.due[m->vcpu];

	m->alarms.armed[m->vcpu] = 0;
	for (u32 i = 0; i < ALARM_KINDS; i++) {
		if (due[i] == 0 || due[i] > m->now)
			continue;
		due[i] = 0;
		devices[i](m);
	}
	arm(m);
}
