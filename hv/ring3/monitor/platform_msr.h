/* SPDX-License-Identifier: MIT */
/*
 * The MSRs that nothing in ring 0 depends on: what a platform says of itself, what firmware leaves
 * (memory types, which EPT decides in truth), and the counters of pmu.h. A table with a row for
 * each (platform_msr.c); an MSR without one is not there.
 */
#ifndef HV_MONITOR_PLATFORM_MSR_H
#define HV_MONITOR_PLATFORM_MSR_H

#include "hv/abi/limits.h"
#include "hv/base/types.h"

#define PLATFORM_MSR_SLOTS 32u

struct monitor;

/* The kept ones of each vCPU. INIT does not change them (SDM table 10-1); reset does. */
struct platform_msrs {
	u64 kept[MAX_VCPUS][PLATFORM_MSR_SLOTS];
};

enum platform_msr_class {
	MSR_FIXED,       /* reads as `value`; writes fault */
	MSR_IGNORED,     /* reads as `value`; writes are dropped */
	MSR_KEPT,        /* slot `unit` + n of the kept ones; starts as `value` */
	MSR_PMC,         /* counter n */
	MSR_EVENT,       /* its event select */
	MSR_PMU_STATUS,  /* which counters have overflowed; writes fault */
	MSR_PMU_CONTROL, /* which of them may count */
	MSR_PMU_CLEAR,   /* a bit written clears that of the status; reads as 0 */
};

/* The n-th MSR of a row is first + n * stride. */
struct platform_msr_row {
	const char *name; /* as in SDM volume 4 */
	u32 first;
	u8 count, stride;
	u8 class; /* enum platform_msr_class */
	u8 unit;
	u64 writable; /* KEPT, EVENT: other bits fault unless they are written as they are read */
	u64 value;
};

extern const struct platform_msr_row platform_msr_rows[];
extern const u32 platform_msr_row_count;

void platform_msr_init(struct monitor *m);

/* RDMSR and WRMSR by the vCPU of the message at hand. False: the instruction faults. */
MUST_USE bool platform_msr_read(struct monitor *m, u32 msr, u64 *value);
MUST_USE bool platform_msr_write(struct monitor *m, u32 msr, u64 value);

#endif
