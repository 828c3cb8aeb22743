/* SPDX-License-Identifier: MIT */
#include "hv/kernel/user/thread.h"

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/sched/account.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/process.h"

/* A running thread is looked at eight times a second. */
#define WATCH_SHIFT 3

u64 thread_due(const struct thread *thread)
{
	bool asleep = thread->busy && thread->resume_at != 0;

	return MIN(thread_alarm(thread), asleep ? thread->resume_at : QUEUE_NEVER);
}

bool thread_ready(struct thread *thread, u64 now)
{
	if (!thread->busy || now < thread->resume_at)
		return false;
	thread->resume_at = 0;
	return true;
}

void thread_sleep(struct task *task, u64 ticks)
{
	task->thread.slept += ticks;
	task->thread.resume_at = task->rq->stamp + ticks;
}

NORETURN void thread_resume(struct task *task)
{
	struct run_queue *rq = task->rq;
	u64 now = rdtsc();
	u64 watch = now + (clock_get()->tsc_hz >> WATCH_SHIFT);

	atomic_store(&task->state, (u32)RUN_HOST);
	account_leg(task, TIME_EXIT, now);
	account_stretch_of(rq, task->exit_ticks);
	sched_arm_timer(rq, MIN(watch, task->yield_at), now);
	core_grant_ports(rq->core, task->process->ports);
	pt_activate(task->process->tables);
	user_resume(&task->thread.regs);
}
