/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/report.h"

#include "hv/base/bits.h"

static void add_exit(struct exit_counter *sum, const struct exit_counter *c)
{
	if (c->count == 0)
		return;
	sum->min = sum->count == 0 ? c->min : MIN(sum->min, c->min);
	sum->max = MAX(sum->max, c->max);
	sum->count += c->count;
	sum->ticks += c->ticks;
	for (u32 i = 0; i < HIST_BUCKETS; i++)
		sum->hist[i] += c->hist[i];
}

struct exit_counter total_exit(const struct report_vm *vm, u32 reason)
{
	struct exit_counter sum = { 0 };

	for (u32 i = 0; i < vm->vcpus; i++)
		add_exit(&sum, &report_vcpu(vm, i)->exit[reason]);
	return sum;
}

u64 vcpu_exits(const struct vcpu_counters *c)
{
	u64 sum = 0;

	for (u32 reason = 0; reason < EXIT_REASONS; reason++)
		sum += c->exit[reason].count;
	return sum;
}

/* A struct of u64 throughout: added word by word. */
static_assert(sizeof(struct ipi_counter) == (7 + 8 + FANOUT_BUCKETS) * sizeof(u64), "all u64");

struct ipi_counter total_ipi(const struct report_vm *vm, u32 path)
{
	struct ipi_counter sum = { 0 };
	u64 *to = (u64 *)(void *)&sum;

	for (u32 i = 0; i < vm->vcpus; i++) {
		const void *from = &report_vcpu(vm, i)->ipi[path];

		for (u32 word = 0; word < sizeof(sum) / sizeof(u64); word++)
			to[word] += ((const u64 *)from)[word];
	}
	return sum;
}

u64 total_blame(const struct report_vm *vm, u32 culprit, u32 cause)
{
	u64 sum = 0;

	for (u32 i = 0; i < vm->vcpus; i++)
		sum += report_vcpu(vm, i)->blame[culprit][cause];
	return sum;
}

u64 total_time(const struct report_vm *vm, u32 time)
{
	u64 sum = 0;

	for (u32 i = 0; i < vm->vcpus; i++)
		sum += report_vcpu(vm, i)->time[time];
	return sum;
}

u64 total_event(const struct report_vm *vm, u32 event)
{
	u64 sum = 0;

	for (u32 i = 0; i < vm->vcpus; i++)
		sum += report_vcpu(vm, i)->count[event];
	return sum;
}

/* What a vCPU held its core for; *last: the latest stamp seen on that core. */
static u64 held(const struct vcpu_counters *c, u32 core, u64 *last)
{
	if (c->core != core)
		return 0;
	*last = MAX(*last, c->now);
	return c->time[TIME_GUEST] + c->time[TIME_EXIT] + c->time[TIME_MONITOR] +
	       c->time[TIME_TAKEN];
}

struct core_times total_core(const struct report *r, u32 core)
{
	const struct core_counters *c = report_core(r, core);
	struct core_times t = { .idle = c->idle };
	u64 last = c->now;

	for (u32 i = 0; i < r->vms; i++)
		for (u32 vcpu = 0; vcpu < r->vm[i].vcpus; vcpu++)
			t.vms += held(report_vcpu(&r->vm[i], vcpu), core, &last);
	if (r->host != NULL)
		t.host = held(r->host, core, &last);
	t.wall = last - c->created;
	return t;
}
