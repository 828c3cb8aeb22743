/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/smp.h"

const struct vcpu_counters *counters_of(u32 vcpu)
{
	const struct vcpu_counters *counters;
	struct cpuid leaf;

	if ((hypervisor.tapvisor_features >> TAP_FEATURE_COUNTERS & 1) == 0)
		return NULL;
	leaf = cpuid(hypervisor.tapvisor_base + (CPUID_TAP_COUNTERS - CPUID_TAP_BASE), 0);
	counters = (const void *)(((u64)leaf.edx << 32 | leaf.eax) + (u64)leaf.ecx * vcpu);
	return counters->magic == COUNTERS_MAGIC ? counters : NULL;
}

static u64 exits_of(const struct vcpu_counters *counters)
{
	u64 sum = 0;

	for (u32 i = 0; i < EXIT_REASONS; i++)
		sum += atomic_load_relaxed(&counters->exit[i].count);
	return sum;
}

struct exit_count counters_exits(void)
{
	static const struct vcpu_counters *first;
	static bool asked;
	struct exit_count count = { 0 };

	if (!asked)
		first = counters_of(0);
	asked = true;
	if (first == NULL)
		return count;
	count.known = true;
	count.own = exits_of(first);
	for (u32 i = 0; i < cpu_ids_count; i++)
		count.all += exits_of((const void *)((const u8 *)first + COUNTERS_STRIDE * i));
	return count;
}

struct exit_count counters_since(struct exit_count before)
{
	struct exit_count now = counters_exits();

	now.own -= before.own;
	now.all -= before.all;
	return now;
}
