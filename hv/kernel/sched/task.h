/* SPDX-License-Identifier: MIT */
/*
 * What a core runs: a ring-3 thread. A VM's is part of the vCPU that it serves (vcpu/vcpu.h);
 * root's has none (user/root.h).
 *
 * Owner: the core it is pinned to. Only what stands in the first group is written by others.
 */
#ifndef HV_SCHED_TASK_H
#define HV_SCHED_TASK_H

#include "hv/abi/counters.h"
#include "hv/abi/process.h"
#include "hv/base/types.h"
#include "hv/kernel/cpu/user.h"
#include "hv/kernel/sched/queue.h"

struct process;
struct run_queue;

/* What a sender must know of a target: docs/architecture.md, delivery. */
enum run_state {
	RUN_HOST,  /* in ring 3, in its run loop, or ready: looks at its mailbox before it enters */
	RUN_GUEST, /* in guest mode, or in an exit that goes straight back to it: kick */
	RUN_BLOCKED, /* sleeps: who moves it to RUN_HOST queues it and kicks its core */
	RUN_POSTED,  /* as RUN_GUEST, but the processor itself takes vectors from the mailbox */
	RUN_BRIEF,   /* in guest mode by a short timer: looks at its mailbox soon, without a kick */
};

/* Orders from other cores, taken where the mailbox is; the others are a vCPU's (vcpu/vcpu.h). */
#define REQUEST_STOP   BIT32(0) /* leave the core for good */
#define REQUEST_SIGNAL BIT32(1) /* the alarm is due */

/* What the owner has to look at, in the upper half of *attend. */
#define ATTEND_RUN   BIT32(16) /* take the run loop: a message, a yield, another's turn */
#define ATTEND_YIELD BIT32(17) /* with ATTEND_RUN: asked to let others run first */

struct thread {
	struct user_regs regs;
	struct thread_page *page; /* its direct-map address */
	bool busy;     /* has a message, or has not asked for one yet: runs instead of the guest */
	bool waiting;  /* in SYS_REPLY_WAIT or SYS_WAIT: may be handed something */
	u64 resume_at; /* TSC; sleeps until then while not 0 */
	u64 alarm_at;  /* TSC of the alarm asked for; 0: none */
	u64 began;     /* TIME_MONITOR when the message at hand was handed over */
	u64 slept;     /* ticks that the thread has slept since, by its own wish */
};

struct task {
	/* Read by senders on every core; `state` is written by the owner and by who wakes it. */
	u32 state ALIGNED(CACHE_LINE); /* enum run_state */
	u32 requests;                  /* REQUEST_*, or-ed by anyone */
	struct task *wake_next;        /* link in the core's wake stack, of who woke it */

	/* Constant after creation. */
	struct run_queue *rq ALIGNED(CACHE_LINE);
	struct vcpu_counters *counters;
	struct process *process; /* whose thread it is */
	u32 *attend;             /* ATTEND_*; the owner's */
	const u32 *mail;         /* in the mailbox: not 0 while vectors wait */
	const u32 *events;       /* and other than vectors, which a processor does not take */
	u64 trace_id;            /* TRACE_WHO */
	u32 vm;                  /* whose time it is */

	struct exit_counter *exit; /* of the exit being handled */
	u64 exit_ticks;            /* what earlier legs of this exit took */
	u64 yield_at;              /* TSC at which it has to give way to others */
	u64 since;                 /* begin of the wait or sleep not yet accounted */
	struct sched_entity sched;
	struct thread thread;
	u64 waited_from[MAX_VMS][BLAME_CAUSES]; /* rq->held when the wait began */
	struct exit_counter uncounted;          /* for entries that follow no exit */
};

/* TSC at which a thread that waits is to be signalled; QUEUE_NEVER: not. */
static ALWAYS_INLINE u64 thread_alarm(const struct thread *thread)
{
	return thread->alarm_at != 0 && thread->waiting ? thread->alarm_at : QUEUE_NEVER;
}

static ALWAYS_INLINE void task_count(struct task *task, enum vcpu_count event)
{
	task->counters->count[event]++;
}

#endif
