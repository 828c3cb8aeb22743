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

/* A consistent copy of the steal time, and the version that it was taken at. */
u64 pv_steal_read(const struct pv_steal *steal, u32 *version);

#endif
