/* SPDX-License-Identifier: MIT */
/* The guest's side of KVM's shared pages (hv/abi/pv.h). Any CPU. */
#ifndef GUEST_PV_H
#define GUEST_PV_H

#include "hv/abi/pv.h"
#include "hv/base/types.h"

/* One of the KVM_FEATURE bits is offered. */
bool pv_has(u32 feature);

/* RDMSR and WRMSR that may fault: false on #GP. */
bool pv_write_msr(u32 msr, u64 value);
bool pv_read_msr(u32 msr, u64 *value);

/* Nanoseconds, by a page that this CPU, or one with the same TSC, has announced. */
u64 pv_clock_now(const struct pv_clock *clock);

/* A TSC as nanoseconds of that page. */
u64 pv_clock_at(const struct pv_clock *clock, u64 tsc);

/*
 * PV EOI: true if the EOI was skipped by that flag, else it is to be made. One instruction, since
 * an exit between a look and a store could take the offer back.
 */
static inline bool pv_skip_eoi(u32 *flag)
{
	bool was_set;

	__asm__ volatile("btrl $0, %1" : "=@ccc"(was_set), "+m"(*flag) : : "memory");
	return was_set;
}

/* A consistent copy of the steal time, and the version that it was taken at. */
u64 pv_steal_read(const struct pv_steal *steal, u32 *version);

/* Restarts the last CPU by INIT and SIPI, and reads that MSR there; ~0: it did not come up. */
u64 pv_msr_after_init(u32 msr);

#endif
