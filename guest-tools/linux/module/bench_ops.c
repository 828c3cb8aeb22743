// SPDX-License-Identifier: GPL-2.0
/* The operations and their clock. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/sort.h>

#include <asm/tsc.h>

#include "bench.h"
#include "tapvisor.h"

#define HALT_WAIT_US 20000

static atomic_t acknowledged;
static u64 handled_at; /* of OP_SELF */

static void acknowledge(void *unused)
{
	atomic_inc(&acknowledged);
}

static void self_handler(struct irq_work *work)
{
	handled_at = rdtsc_ordered();
	atomic_inc(&acknowledged);
}

static DEFINE_PER_CPU(call_single_data_t, call);
static struct irq_work self_work;

static void wait_for(u32 targets)
{
	while (atomic_read(&acknowledged) < targets)
		cpu_relax();
}

/*
 * One operation; preemption is off. The clock runs from before the send until the caller goes on
 * (_SEND), or until all targets' handlers have run.
 */
static u64 operate(enum bench_op op, const struct cpumask *mask, u32 targets)
{
	bool wait = op == OP_UNICAST || op == OP_SET || op == OP_BROADCAST;
	u32 first = cpumask_first(mask);
	u64 start, end;

	atomic_set(&acknowledged, 0);
	start = rdtsc_ordered();
	switch (op) {
	case OP_SELF:
		irq_work_queue(&self_work);
		wait_for(1);
		return handled_at - start;
	case OP_UNICAST:
		smp_call_function_single(first, acknowledge, NULL, true);
		break;
	case OP_UNICAST_SEND:
		smp_call_function_single_async(first, &per_cpu(call, first));
		break;
	default:
		smp_call_function_many(mask, acknowledge, NULL, wait);
		break;
	}
	end = rdtsc_ordered();
	wait_for(targets);
	return end - start;
}

struct job {
	const struct vcpu_counters *sender; /* NULL: none */
	const struct bench_config *config;
	const struct cpumask *mask;
	struct bench_row *row;
	u64 *samples;
	bool stop; /* who asked for it waits no longer */
	struct completion done;
};

/* Until each target has halted since it was noted; false: not each was seen to. */
static bool settle(const struct job *job)
{
	u32 pause = job->config->pause;
	u32 us = 0;

	do {
		usleep_range(pause, pause + pause / 4);
		us += pause;
	} while (job->sender && us < HALT_WAIT_US && !READ_ONCE(job->stop) &&
	         bench_halted(job->mask) < job->row->targets);
	return bench_halted(job->mask) >= job->row->targets;
}

static u64 exits_of(const struct vcpu_counters *c)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < EXIT_REASONS; i++)
		sum += READ_ONCE(c->exit[i].count);
	return sum;
}

struct snapshot {
	bool known;
	u64 exits;
	u64 sends[IPI_PATHS], requested[IPI_PATHS];
};

static void take(struct snapshot *s, u32 sender)
{
	const struct vcpu_counters *c;
	u32 i;

	memset(s, 0, sizeof(*s));
	for_each_online_cpu(i)
	{
		c = tapvisor_counters_of(i);
		if (!c)
			return;
		s->exits += exits_of(c);
	}
	c = tapvisor_counters_of(sender);
	for (i = 0; i < IPI_PATHS; i++) {
		s->sends[i] = READ_ONCE(c->ipi[i].sends);
		s->requested[i] = READ_ONCE(c->ipi[i].requested);
	}
	s->known = true;
}

/* The path that most of the sends took. */
static void find_way(struct bench_way *way, const struct snapshot *before,
                     const struct snapshot *after)
{
	u64 most = 0;
	u32 i;

	for (i = 0; i < IPI_PATHS; i++) {
		u64 sends = after->sends[i] - before->sends[i];

		if (sends <= most)
			continue;
		most = sends;
		*way = (struct bench_way){ .known = true,
			                   .path = i,
			                   .sends = sends,
			                   .requested = after->requested[i] -
			                                before->requested[i] };
	}
}

static int compare(const void *a, const void *b)
{
	u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

/* One operation with the sender's exits during it, which are outside of what is timed. */
static u64 sample(struct job *job)
{
	struct bench_row *row = job->row;
	u64 before = job->sender ? exits_of(job->sender) : 0;
	u64 ticks = operate(row->op, job->mask, row->targets);

	if (job->sender)
		row->sender_exits += exits_of(job->sender) - before;
	return ticks;
}

static void run(struct job *job)
{
	struct bench_row *row = job->row;
	struct snapshot before, after;
	u32 warmup = job->config->warmup;
	u64 ticks;
	u32 i;

	for (i = 0; i < warmup + row->n && !READ_ONCE(job->stop); i++) {
		bool halted = true;

		if (row->state == STATE_HALTED && i)
			halted = settle(job);
		if (i == warmup) {
			take(&before, job->config->cpu);
			row->sender_exits = 0;
		}
		bench_note_halts(job->mask);
		preempt_disable();
		ticks = sample(job);
		preempt_enable();
		if (i >= warmup) {
			job->samples[i - warmup] = ticks;
			row->not_halted += !halted;
		}
		cond_resched();
	}
	if (READ_ONCE(job->stop))
		return;
	take(&after, job->config->cpu);
	row->exits_known = before.known && after.known;
	row->exits = after.exits - before.exits;
	if (row->exits_known)
		find_way(&row->way, &before, &after);
}

static int thread(void *argument)
{
	struct job *job = argument;

	run(job);
	/* Who waits may unload the module: no step in here behind this. */
	kthread_complete_and_exit(&job->done, 0);
}

/* Sorted samples become what is told of them. */
static void digest(struct bench_row *row, u64 *samples)
{
	sort(samples, row->n, sizeof(u64), compare, NULL);
	row->min = samples[0];
	row->p50 = samples[row->n / 2];
	row->p99 = samples[row->n * 99 / 100];
	row->max = samples[row->n - 1];
}

int bench_measure(const struct bench_config *config, const struct cpumask *mask,
                  struct bench_row *row)
{
	struct job job = { .config = config,
		           .mask = mask,
		           .row = row,
		           .sender = tapvisor_counters_of(config->cpu) };
	struct task_struct *task;
	int error = 0;
	u32 cpu;

	job.samples = kvmalloc_array(row->n, sizeof(u64), GFP_KERNEL);
	if (!job.samples)
		return -ENOMEM;
	for_each_possible_cpu(cpu) INIT_CSD(&per_cpu(call, cpu), acknowledge, NULL);
	self_work = IRQ_WORK_INIT_HARD(self_handler);
	init_completion(&job.done);
	task = kthread_create_on_cpu(thread, &job, config->cpu, "tapvisor_bench/%u");
	if (IS_ERR(task)) {
		kvfree(job.samples);
		return PTR_ERR(task);
	}
	wake_up_process(task);
	if (wait_for_completion_interruptible(&job.done)) {
		WRITE_ONCE(job.stop, true);
		wait_for_completion(&job.done);
		error = -EINTR;
	} else {
		digest(row, job.samples);
	}
	kvfree(job.samples);
	return error;
}
