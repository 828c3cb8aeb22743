/* SPDX-License-Identifier: MIT */
/* The ring-3 thread of a task: when it has something to do, and how it goes on. Owner's core. */
#ifndef HV_USER_THREAD_H
#define HV_USER_THREAD_H

#include "hv/base/types.h"
#include "hv/kernel/sched/task.h"

/* TSC at which a thread that does not run has something to do; QUEUE_NEVER: not by itself. */
u64 thread_due(const struct thread *thread);

/* Whether it may run now: it is busy, and does not sleep. */
MUST_USE bool thread_ready(struct thread *thread, u64 now);

/* SYS_SLEEP: the thread goes on in so many ticks. */
void thread_sleep(struct task *task, u64 ticks);

/* Ring 3 goes on where it was; watched by the host's timer. Gives up the stack. */
NORETURN void thread_resume(struct task *task);

#endif
