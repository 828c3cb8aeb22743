// SPDX-License-Identifier: GPL-2.0
/* The CPUs at the other end: which they are, and what they do meanwhile. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include "bench.h"
#include "tapvisor.h"

static DEFINE_PER_CPU(struct task_struct *, spinner);
static atomic_t spinning;

void bench_mask(struct cpumask *mask, u32 sender, u32 k)
{
	u32 cpu;

	cpumask_clear(mask);
	for_each_online_cpu(cpu) if (cpu != sender && cpumask_weight(mask) < k)
		cpumask_set_cpu(cpu, mask);
}

static int spin(void *unused)
{
	set_user_nice(current, MAX_NICE);
	atomic_inc(&spinning);
	while (!kthread_should_stop()) {
		cpu_relax();
		cond_resched();
	}
	return 0;
}

void bench_spinners_stop(void)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
	{
		struct task_struct *task = per_cpu(spinner, cpu);

		if (task)
			kthread_stop(task);
		per_cpu(spinner, cpu) = NULL;
	}
}

int bench_spinners_start(const struct cpumask *mask)
{
	u32 cpu;

	atomic_set(&spinning, 0);
	for_each_cpu(cpu, mask)
	{
		struct task_struct *task = kthread_create(spin, NULL, "tapvisor_spin/%u", cpu);

		if (IS_ERR(task)) {
			bench_spinners_stop();
			return PTR_ERR(task);
		}
		kthread_bind(task, cpu);
		per_cpu(spinner, cpu) = task;
		wake_up_process(task);
	}
	while (atomic_read(&spinning) < cpumask_weight(mask))
		cond_resched();
	return 0;
}

static DEFINE_PER_CPU(u64, halts_before);

/* 0 for ever where there are no counters: such a CPU is never seen to halt. */
static u64 halts_of(u32 cpu)
{
	const struct vcpu_counters *c = tapvisor_counters_of(cpu);

	return c ? READ_ONCE(c->count[COUNT_HALT]) : 0;
}

void bench_note_halts(const struct cpumask *mask)
{
	u32 cpu;

	for_each_cpu(cpu, mask) per_cpu(halts_before, cpu) = halts_of(cpu);
}

u32 bench_halted(const struct cpumask *mask)
{
	u32 cpu, halted = 0;

	for_each_cpu(cpu, mask) halted += halts_of(cpu) != per_cpu(halts_before, cpu);
	return halted;
}
