/* SPDX-License-Identifier: GPL-2.0 */
/* tapvisor.ko: what its files share. */
#ifndef TAPVISOR_MODULE_H
#define TAPVISOR_MODULE_H

#include <linux/types.h>

#include "hv/abi/counters.h"

/* ---- counters.c ---- */

/* Where the VM has its counters; vcpus is 0 if it has none. */
struct tapvisor_counters {
	phys_addr_t pa;
	u32 stride, vcpus;
	const u8 *map;
};

extern struct tapvisor_counters tapvisor_counters;

/* Leaf of Tapvisor's signature plus `leaf`; false: no such hypervisor, no such leaf. */
bool tapvisor_cpuid(u32 leaf, u32 regs[4]);

/* -ENODEV: this is no VM of Tapvisor, or it has no counters=on. -EINVAL: not as we know them. */
int tapvisor_counters_map(void);
void tapvisor_counters_unmap(void);

/* Those of the vCPU that is Linux's CPU `cpu`; NULL: none. */
const struct vcpu_counters *tapvisor_counters_of(unsigned int cpu);

/* ---- device.c, bench.c ---- */

int tapvisor_device_init(void);
void tapvisor_device_exit(void);
int tapvisor_bench_init(void);
void tapvisor_bench_exit(void);

#endif
