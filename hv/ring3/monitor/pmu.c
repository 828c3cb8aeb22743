/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/pmu.h"

#include "hv/abi/counters.h"
#include "hv/ring3/monitor/monitor.h"

#define OVERFLOW BIT(PMU_WIDTH)

/* IA32_PERFEVTSELx, SDM 3B figure 20-1. */
#define EVENT_SELECT  BITS(15, 0) /* event and unit mask */
#define EVENT_USR     BIT(16)
#define EVENT_OS      BIT(17)
#define EVENT_EDGE    BIT(18)
#define EVENT_INT     BIT(20)
#define EVENT_ENABLE  BIT(22)
#define EVENT_COUNTER BITS(31, 24) /* counts cycles with so many events */

#define CORE_CYCLES      0x003cull
#define REFERENCE_CYCLES 0x013cull

/*
 * An alarm counts from the system call on, the counters from the entry into the guest: so much
 * later it rings, that one is enough.
 */
#define WAY_BACK 4096u

/* Where alarms do not help, the next comes after 4 ms, then twice as long each time, up to 1/16 s.
 */
#define SHORTEST_SHIFT 9u
#define LONGEST_SHIFT  4u

static struct pmu_vcpu *pmu_of(struct monitor *m)
{
	return &m->pmu.vcpu[m->vcpu];
}

/* Ticks of the vCPU in guest mode; its core writes them, and works for us now. */
static u64 guest_ticks(const struct monitor *m)
{
	const void *page = m->counters + m->vcpu * COUNTERS_STRIDE;

	return ((const volatile struct vcpu_counters *)page)->time[TIME_GUEST];
}

/* With a counter mask of zero INV has no meaning (SDM 3B 19.2.1.1). */
static bool runs(const struct pmu_vcpu *pmu, u32 n)
{
	const struct pmu_counter *c = &pmu->counter[n];
	u64 asked = c->event & (EVENT_USR | EVENT_OS | EVENT_EDGE | EVENT_ENABLE | EVENT_COUNTER);
	u64 select = c->event & EVENT_SELECT;

	return asked == (EVENT_USR | EVENT_OS | EVENT_ENABLE) && (pmu->stopped & BIT(n)) == 0 &&
	       (select == CORE_CYCLES || select == REFERENCE_CYCLES);
}

/* Counts up to now. Returns the ticks counted. */
static u64 settle(struct monitor *m)
{
	struct pmu_vcpu *pmu = pmu_of(m);
	u64 ticks = guest_ticks(m) - pmu->seen;

	pmu->seen += ticks;
	for (u32 i = 0; i < PMU_COUNTERS; i++) {
		struct pmu_counter *c = &pmu->counter[i];

		if (!runs(pmu, i))
			continue;
		c->value += ticks;
		if (c->value < OVERFLOW)
			continue;
		c->value &= OVERFLOW - 1;
		pmu->overflowed |= BIT(i);
		if ((c->event & EVENT_INT) != 0)
			sys_pmi(m->sys);
	}
	return ticks;
}

/* Ticks in guest mode until the next overflow that is to be told; 0: none is. */
static u64 ticks_left(const struct pmu_vcpu *pmu)
{
	u64 left = 0;

	for (u32 i = 0; i < PMU_COUNTERS; i++) {
		const struct pmu_counter *c = &pmu->counter[i];

		if (runs(pmu, i) && (c->event & EVENT_INT) != 0 &&
		    (left == 0 || OVERFLOW - c->value < left))
			left = OVERFLOW - c->value;
	}
	return left;
}

static void set_alarm(struct monitor *m)
{
	const struct pmu_vcpu *pmu = pmu_of(m);
	u64 left = ticks_left(pmu);
	u32 shift = SHORTEST_SHIFT - MIN(pmu->fruitless, SHORTEST_SHIFT - LONGEST_SHIFT);

	if (left != 0 && pmu->fruitless != 0)
		left = MAX(left, m->info->tsc_hz >> shift);
	alarm_set(m, ALARM_PMU, left == 0 ? 0 : left + WAY_BACK);
}

void pmu_signal(struct monitor *m)
{
	struct pmu_vcpu *pmu = pmu_of(m);
	u64 left = ticks_left(pmu);

	/* A vCPU that is halted gets no nearer, and is not to be looked at all the time. */
	pmu->fruitless = settle(m) < left / 2 ? pmu->fruitless + 1 : 0;
	set_alarm(m);
}

u64 pmu_read(struct monitor *m, u32 n)
{
	settle(m);
	return pmu_of(m)->counter[n].value;
}

u64 pmu_event(const struct monitor *m, u32 n)
{
	return m->pmu.vcpu[m->vcpu].counter[n].event;
}

/* What counts or is to be told has changed. */
static void begin_anew(struct monitor *m)
{
	pmu_of(m)->fruitless = 0;
	set_alarm(m);
}

void pmu_write(struct monitor *m, u32 n, u64 value)
{
	u64 sign = (value & BIT(31)) != 0 ? BITS(PMU_WIDTH - 1, 32) : 0;

	settle(m);
	pmu_of(m)->counter[n].value = sign | (u32)value;
	begin_anew(m);
}

u64 pmu_enabled(const struct monitor *m)
{
	return ~m->pmu.vcpu[m->vcpu].stopped & PMU_ALL;
}

void pmu_enable(struct monitor *m, u64 value)
{
	settle(m);
	pmu_of(m)->stopped = ~value & PMU_ALL;
	begin_anew(m);
}

u64 pmu_overflowed(struct monitor *m)
{
	settle(m);
	return pmu_of(m)->overflowed;
}

void pmu_clear_overflowed(struct monitor *m, u64 which)
{
	settle(m);
	pmu_of(m)->overflowed &= ~which;
}

void pmu_set_event(struct monitor *m, u32 n, u64 value)
{
	settle(m);
	pmu_of(m)->counter[n].event = value;
	begin_anew(m);
}
