/* SPDX-License-Identifier: MIT */
/*
 * The performance monitoring unit: architectural version 1 (SDM 3B 20.2.1), with the three global
 * registers that volume 4's table of architectural MSRs gives to every version above 0. (3B 20.2.2
 * names them with version 2, whose fixed counters are not here; kernels write them unasked.) It has
 * what can be counted without the processor's own. That is one thing: cycles, as ticks of the TSC
 * that the vCPU spent in guest mode. Neither halted nor stolen time counts, nor what the hypervisor
 * works for the vCPU. It is enough for Linux's NMI watchdog, and for profiles by time.
 *
 * A counter runs while its event select asks for core or reference cycles of all privilege levels
 * (which ticks were ring 3's nobody knows) and is enabled; all else stands still. When one passes
 * 48 bits and its select asks for it, the APIC's LVT entry for performance counters fires: some
 * thousand ticks later, up to a sixteenth of a second if the vCPU was halted meanwhile.
 */
#ifndef HV_MONITOR_PMU_H
#define HV_MONITOR_PMU_H

#include "hv/abi/limits.h"
#include "hv/base/bits.h"
#include "hv/base/types.h"

#define PMU_COUNTERS 2u
#define PMU_WIDTH    48u

/* IA32_PERFEVTSELx: AnyThread (21) is of later versions. */
#define PMU_EVENT_BITS (BITS(31, 0) & ~BIT(21))

/* The global registers: a bit for each counter; IA32_PERF_GLOBAL_OVF_CTRL takes two more. */
#define PMU_ALL        BITS(PMU_COUNTERS - 1, 0)
#define PMU_CLEAR_BITS (PMU_ALL | BIT(62) | BIT(63))

struct monitor;

struct pmu_counter {
	u64 event; /* IA32_PERFEVTSELx */
	u64 value; /* PMU_WIDTH bits, at `seen` */
};

struct pmu_vcpu {
	struct pmu_counter counter[PMU_COUNTERS];
	u64 stopped;    /* counters whose bit in IA32_PERF_GLOBAL_CTRL is clear: none at first */
	u64 overflowed; /* IA32_PERF_GLOBAL_STATUS */
	u64 seen;       /* ticks in guest mode up to which the counters are counted */
	u32 fruitless;  /* alarms, one after the other, that found next to nothing counted */
};

struct pmu {
	struct pmu_vcpu vcpu[MAX_VCPUS];
};

/* Of the vCPU of the message at hand; n < PMU_COUNTERS. */
u64 pmu_read(struct monitor *m, u32 n);
u64 pmu_event(const struct monitor *m, u32 n);

/* SDM 3B 20.2.1.1: of a write the low 32 bits count, extended by their sign. */
void pmu_write(struct monitor *m, u32 n, u64 value);

/* value: of PMU_EVENT_BITS only. */
void pmu_set_event(struct monitor *m, u32 n, u64 value);

/* IA32_PERF_GLOBAL_CTRL; value: of PMU_ALL only. */
u64 pmu_enabled(const struct monitor *m);
void pmu_enable(struct monitor *m, u64 value);

/* IA32_PERF_GLOBAL_STATUS; and what IA32_PERF_GLOBAL_OVF_CTRL clears of it. */
u64 pmu_overflowed(struct monitor *m);
void pmu_clear_overflowed(struct monitor *m, u64 which);

/* The alarm rang: a counter may have overflowed. */
void pmu_signal(struct monitor *m);

#endif
