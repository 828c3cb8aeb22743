// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "tapvisor.h"

#include <linux/io.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include <asm/processor.h>
#if __has_include(<asm/cpuid/api.h>)
#include <asm/cpuid/api.h>
#endif
#ifndef for_each_possible_cpuid_base_hypervisor /* the older name */
#define cpuid_base_hypervisor hypervisor_cpuid_base
#endif

#include "hv/abi/hypercall.h"

struct tapvisor_counters tapvisor_counters;

bool tapvisor_cpuid(u32 leaf, u32 regs[4])
{
	u32 base;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return false;
	base = cpuid_base_hypervisor("TAPVISOR IPI", leaf - CPUID_TAP_BASE);
	if (!base)
		return false;
	cpuid(base + leaf - CPUID_TAP_BASE, &regs[0], &regs[1], &regs[2], &regs[3]);
	return true;
}

static int check(const struct vcpu_counters *c)
{
	if (c->magic != COUNTERS_MAGIC) {
		pr_err("the counters are of an unknown kind: %llx, not %llx\n", c->magic,
		       COUNTERS_MAGIC);
		return -EINVAL;
	}
	if (c->size >= sizeof(*c)) /* what was added stands behind */
		return 0;
	pr_err("the counters are of an older version: %u bytes, not %zu\n", c->size, sizeof(*c));
	return -EINVAL;
}

int tapvisor_counters_map(void)
{
	struct tapvisor_counters *t = &tapvisor_counters;
	u32 regs[4];
	int error;

	if (!tapvisor_cpuid(CPUID_TAP_FEATURES, regs)) {
		pr_info("this is no virtual machine of Tapvisor\n");
		return -ENODEV;
	}
	if (!(regs[0] & BIT(TAP_FEATURE_COUNTERS))) {
		pr_info("this virtual machine has no counters: they want counters=on\n");
		return -ENODEV;
	}
	t->vcpus = regs[1];
	tapvisor_cpuid(CPUID_TAP_COUNTERS, regs);
	t->pa = (u64)regs[3] << 32 | regs[0];
	t->stride = regs[2];
	t->map = memremap(t->pa, (size_t)t->vcpus * t->stride, MEMREMAP_WB);
	if (!t->map)
		return -ENOMEM;
	error = check((const void *)t->map);
	if (error)
		tapvisor_counters_unmap();
	return error;
}

void tapvisor_counters_unmap(void)
{
	memunmap((void *)tapvisor_counters.map);
	tapvisor_counters.map = NULL;
}

/* vCPU i has APIC ID i. */
const struct vcpu_counters *tapvisor_counters_of(unsigned int cpu)
{
	const struct tapvisor_counters *t = &tapvisor_counters;
	u32 vcpu = per_cpu(x86_cpu_to_apicid, cpu);

	if (!t->map || vcpu >= t->vcpus)
		return NULL;
	return (const void *)(t->map + (size_t)t->stride * vcpu);
}
