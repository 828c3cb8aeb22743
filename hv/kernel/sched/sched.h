/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: a queue for each core, tasks pinned to it, the least virtual run time first
 * (queue.h has the arithmetic).
 *
 * Everything in a run queue belongs to its core, but for the wake stack, to which any core pushes
 * without a lock. A core never takes another's task.
 *
 * PROGRESS. Ring 0 runs with interrupts off. Whatever guests, monitors and other cores do, it comes
 * to a place where interrupts are taken (an entry, ring 3, idle, a window) within STRETCH_BOUND
 * ticks, and has done by then what they would have brought: sched_poll() stands in every loop that
 * others can prolong. docs/architecture.md, "Progress", has the rule and its proof.
 */
#ifndef HV_SCHED_SCHED_H
#define HV_SCHED_SCHED_H

#include "hv/abi/counters.h"
#include "hv/base/types.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/sched/queue.h"
#include "hv/kernel/sched/task.h"

struct vcpu;

struct run_queue {
	struct task *woken ALIGNED(CACHE_LINE); /* wake stack: pushed by anyone, popped by us */

	struct core *core ALIGNED(CACHE_LINE);
	struct task *current; /* NULL while idle */
	struct vcpu *loaded;  /* whose VMCS and processor state the core holds; NULL: nobody's */
	u64 stamp;            /* TSC up to which this core's time is accounted */
	u64 base[VCPU_TIMES]; /* current's times when `held` was last brought up to date */
	u64 opened;           /* TSC since which ring 0 has had interrupts off */
	u64 closed;           /* what `opened` was when something else than an exit closed them */
	u32 closed_by;        /* STRETCH_*: what that was */
	u32 vms;              /* bit n: VM n has held this core, or took time from its holder */
	u64 timer_at;         /* TSC for which the host's timer is armed; QUEUE_NEVER: not */
	struct sched_queue queue;
	u64 held[MAX_VMS][BLAME_CAUSES]; /* ticks of this core, by whom and how; account.h */

	/* A page of its own, which root maps to read. */
	union {
		struct core_counters counters;
		u8 page[PAGE_SIZE];
	} ALIGNED(PAGE_SIZE);
};

extern struct run_queue run_queues[MAX_CORES];

static ALWAYS_INLINE struct run_queue *this_queue(void)
{
	return &run_queues[this_core()->index];
}

/* Boot, on the core itself. */
void sched_init(void);

/* The task that this core runs next; idles until there is one. None is current. */
struct task *sched_next(struct run_queue *rq);

/* The switch to it is over: its slice begins. */
void sched_begin(struct task *task);

/* The current task gives up the core, and waits for its next turn. */
void sched_preempt(struct task *task);

/*
 * The current task has nothing to do until a post, a request, or wake_at (TSC, QUEUE_NEVER: none),
 * and gives up the core. False: one came before it slept, and it goes on.
 */
MUST_USE bool sched_block(struct task *task, u64 wake_at);

/* The current task gives up the core, and will not run again. */
void sched_leave(struct task *task);

/* A new task, whose counters are all zero, of a core; `index` is its number in VM `vm`. */
void sched_setup(struct task *task, struct run_queue *rq, struct vcpu_counters *counters, u32 vm,
                 u32 index);

/* A task's first appearance, from any core: as if it had been blocked and woken. */
void sched_add(struct task *task);

/*
 * After a post or a request, on any core: kicks the core if the task is in guest mode, wakes it if
 * it sleeps. True: a physical interrupt was sent.
 */
bool sched_notify(struct task *task);

/* On any core: an order (REQUEST_*), which the task takes soon. The core that finds the bit clear
 * answers for the notification; one that finds it set leaves the task alone. As sched_notify. */
bool sched_request(struct task *task, u32 request);

/*
 * A kick or the host's timer stopped `task`: queues who was woken or is due, and books the time on
 * whom the interruption served. rq->stamp is recent.
 */
void sched_interrupted(struct task *task, u64 vector);

/*
 * Does what interrupts would have brought, a bounded part of it at a time: queues who was woken or
 * is due. Opens a window for interrupts where ring 0 has had them off for long. Every round of a
 * loop that others can prolong begins with it; and not all that implements VT-x lets an interrupt
 * in while the guest's IF is 0 (docs/caveats.md). rq->stamp is recent.
 */
void sched_poll(struct run_queue *rq, u64 now);

/* A window for interrupts now, and then as sched_poll. */
void sched_window(struct run_queue *rq);

/* Whether the current task should give way now. */
MUST_USE bool sched_must_yield(struct run_queue *rq, u64 now);

/* TSC at which the current task has to give way; QUEUE_NEVER when nobody waits. */
u64 sched_slice_end(const struct task *task);

/* Arms the host's timer for `at` unless it fires earlier anyway. */
void sched_arm_timer(struct run_queue *rq, u64 at, u64 now);

/* Yield hypercalls: a ready target of this core goes first. False: it is none, nothing to yield to.
 */
MUST_USE bool sched_favour(struct run_queue *rq, struct task *target);

/* An interrupt came where ring 0 takes them: in idle, or in a window. */
void sched_interrupted_in_kernel(struct run_queue *rq, u64 vector);

#endif
