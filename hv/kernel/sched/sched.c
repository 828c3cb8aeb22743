/* SPDX-License-Identifier: MIT */
#include "hv/kernel/sched/sched.h"

#include "hv/kernel/sched/account.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/vectors.h"

/* A slice long enough that a switch is small beside it, on slow emulated clocks too. */
#define SLICES_PER_SECOND 1000u
#define SHORTEST_SLICE    100000u

/* Wakes, and timers of sleepers, that are served before interrupts may come in again. */
#define POLL_BATCH 32u
/* Ticks without interrupts after which a poll opens a window for them. */
#define WINDOW_AFTER 4096u

struct run_queue run_queues[MAX_CORES];

/* Room for every task that can be pinned to one core. */
static struct heap_node **heap_array(void)
{
	u64 bytes = ((u64)MAX_VMS * MAX_VCPUS) * sizeof(struct heap_node *);
	hpa_t frames = frames_alloc(align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT, 1);

	if (frames.raw == 0)
		panic("no memory for the run queue of core %u", this_core()->index);
	return hpa_to_ptr(frames);
}

void sched_init(void)
{
	struct run_queue *rq = this_queue();

	rq->core = this_core();
	rq->timer_at = QUEUE_NEVER;
	rq->stamp = rdtsc();
	account_closed(rq, rq->stamp, STRETCH_WINDOW);
	rq->queue.ready.at = heap_array();
	rq->queue.sleepers.at = heap_array();
	rq->counters.created = rq->stamp;
	rq->counters.now = rq->stamp;
}

static struct task *task_of_entity(struct sched_entity *e)
{
	return e == NULL ? NULL : container_of(e, struct task, sched);
}

static void wake_one(struct run_queue *rq, struct task *task)
{
	struct vcpu_counters *c = task->counters;

	if (c->created == 0) {
		c->created = rq->stamp;
		task->since = rq->stamp;
	}
	c->time[TIME_BLOCKED] += rq->stamp - task->since;
	c->now = rq->stamp;
	task_count(task, COUNT_WAKE);
	if (rq->current != NULL)
		queue_charge(&rq->queue, &rq->current->sched, rq->stamp);
	queue_wake(&rq->queue, &task->sched);
	account_wait(rq, task);
}

/* ---- waking ---- */

/* Several posters may try; who wins the exchange queues the task, so it is queued once. */
static bool claim_sleeper(struct task *task)
{
	u32 expected = RUN_BLOCKED;

	return atomic_cas(&task->state, &expected, (u32)RUN_HOST);
}

/* True when the stack was empty: the one who finds it so answers for the kick. */
static bool push_woken(struct run_queue *rq, struct task *task)
{
	struct task *head = atomic_load_relaxed(&rq->woken);

	do {
		task->wake_next = head;
	} while (!atomic_cas(&rq->woken, &head, task));
	return head == NULL;
}

/*
 * The processor takes vectors out of the mailbox, which is its posted-interrupt descriptor (SDM 3C,
 * "Posted-Interrupt Processing"), without an exit; all else it must leave the guest for.
 */
static NOINLINE bool notify_posted(struct task *task)
{
	bool more = (atomic_load(task->events) | atomic_load(&task->requests)) != 0;

	lapic_send(task->rq->core->apic_id, more ? VECTOR_KICK : VECTOR_POSTED);
	return true;
}

/* The sender's LOOK, KICK and WAKE of the delivery protocol, barrier B: vapic/mail.h. */
bool sched_notify(struct task *task)
{
	struct run_queue *rq = task->rq;
	u32 state = atomic_load(&task->state);

	if (state == RUN_GUEST) {
		lapic_send(rq->core->apic_id, VECTOR_KICK);
		return true;
	}
	if (state != RUN_BLOCKED) {
		if (unlikely(state == RUN_POSTED))
			return notify_posted(task);
		return false;
	}
	if (!claim_sleeper(task))
		return false;
	if (!push_woken(rq, task))
		return false;
	if (rq == this_queue()) {
		if (rq->current != NULL)
			*rq->current->attend |= ATTEND_RUN; /* the newcomer may go first */
		return false;
	}
	lapic_send(rq->core->apic_id, VECTOR_KICK);
	return true;
}

bool sched_request(struct task *task, u32 request)
{
	return (atomic_or(&task->requests, request) & request) != request && sched_notify(task);
}

void sched_setup(struct task *task, struct run_queue *rq, struct vcpu_counters *counters, u32 vm,
                 u32 index)
{
	task->rq = rq;
	task->counters = counters;
	task->vm = vm;
	task->trace_id = TRACE_WHO(vm, index);
	task->exit = &task->uncounted;
	counters->magic = COUNTERS_MAGIC;
	counters->vm = vm;
	counters->vcpu = index;
	counters->core = rq->core->index;
	counters->size = sizeof(*counters);
}

void sched_add(struct task *task)
{
	u64 usual = clock_get()->tsc_hz / SLICES_PER_SECOND;

	if (task->sched.slice == 0)
		task->sched.slice = MAX(usual, SHORTEST_SLICE);
	task->state = RUN_BLOCKED;
	sched_notify(task);
}

/*
 * The owner alone pops, so that a head that is still there has the successor it had. What is left
 * after a batch keeps the stack from being empty, and with it every sender from kicking: the kick
 * is our own.
 */
static u32 take_wakes(struct run_queue *rq)
{
	struct task *task = atomic_load(&rq->woken);
	u32 culprit = ROOT_VM;

	for (u32 n = 0; n < POLL_BATCH && task != NULL; n++) {
		while (!atomic_cas(&rq->woken, &task, task->wake_next))
			continue;
		culprit = task->vm;
		wake_one(rq, task);
		task = atomic_load(&rq->woken);
	}
	if (unlikely(task != NULL))
		lapic_send(rq->core->apic_id, VECTOR_KICK);
	return culprit;
}

/* ---- the host's timer ---- */

void sched_arm_timer(struct run_queue *rq, u64 at, u64 now)
{
	if (at >= rq->timer_at)
		return;
	rq->timer_at = at;
	lapic_timer_arm(at > now ? at - now : 1);
}

/* Whoever is due after a batch has the timer armed for the past: it fires at once. */
static u32 take_timers(struct run_queue *rq, u64 now)
{
	u32 culprit = ROOT_VM;
	struct task *task;

	if (now >= rq->timer_at)
		rq->timer_at = QUEUE_NEVER;
	for (u32 n = 0; n < POLL_BATCH; n++) {
		task = task_of_entity(queue_due(&rq->queue, now));
		if (task == NULL)
			break;
		queue_stay(&rq->queue, &task->sched);
		if (!claim_sleeper(task))
			continue; /* somebody else has: it is in the wake stack */
		culprit = task->vm;
		wake_one(rq, task);
	}
	sched_arm_timer(rq, queue_next_due(&rq->queue), now);
	return culprit;
}

void sched_interrupted(struct task *task, u64 vector)
{
	struct run_queue *rq = task->rq;

	if (vector != VECTOR_TIMER) {
		rq->counters.kicks_received++;
		account_taken(task, take_wakes(rq), BLAME_KICK, rdtsc());
		return;
	}
	/* It may have fired before its time (the counter's range is short): so it is not armed. */
	rq->counters.timer_interrupts++;
	rq->timer_at = QUEUE_NEVER;
	account_taken(task, take_timers(rq, rdtsc()), BLAME_TIMER, rdtsc());
}

void sched_interrupted_in_kernel(struct run_queue *rq, u64 vector)
{
	if (vector == VECTOR_TIMER) {
		rq->counters.timer_interrupts++;
		rq->timer_at = 0; /* long past: the poll that follows looks, and arms it anew */
	} else if (vector == VECTOR_KICK) {
		rq->counters.kicks_received++;
	}
}

static NOINLINE void open_window(struct run_queue *rq, u64 now)
{
	account_stretch(rq, now);
	core_window();
	account_closed(rq, rdtsc(), STRETCH_WINDOW);
}

void sched_poll(struct run_queue *rq, u64 now)
{
	if (unlikely(now - rq->opened >= WINDOW_AFTER))
		open_window(rq, now);
	if (unlikely(atomic_load(&rq->woken) != NULL))
		take_wakes(rq);
	if (unlikely(now >= rq->timer_at))
		take_timers(rq, now);
}

void sched_window(struct run_queue *rq)
{
	open_window(rq, rdtsc());
	sched_poll(rq, rdtsc());
}

/* ---- slices ---- */

u64 sched_slice_end(const struct task *task)
{
	return queue_yield_at(&task->rq->queue, &task->sched);
}

bool sched_must_yield(struct run_queue *rq, u64 now)
{
	struct sched_entity *current = &rq->current->sched;

	if (now < queue_yield_at(&rq->queue, current))
		return false;
	if (now - current->began < current->slice)
		return true;
	task_count(rq->current, COUNT_SLICE);
	return queue_slice_over(&rq->queue, current, now);
}

/* A hint for the next choice alone, so that two who favour each other win nothing from others. */
bool sched_favour(struct run_queue *rq, struct task *target)
{
	if (target->rq != rq || !queue_is_ready(&target->sched))
		return false;
	rq->queue.favoured = &target->sched;
	return true;
}

/* ---- switching ---- */

static void idle(struct run_queue *rq)
{
	account_stretch(rq, rdtsc());
	core_idle();
	account_idle(rq, rdtsc());
	account_closed(rq, rq->stamp, STRETCH_IDLE);
}

struct task *sched_next(struct run_queue *rq)
{
	struct task *next;

	for (;;) {
		sched_window(rq);
		next = task_of_entity(queue_choose(&rq->queue));
		if (next != NULL)
			break;
		idle(rq);
	}
	queue_run(&rq->queue, &next->sched, rq->stamp);
	account_wait_over(rq, next);
	account_switch(rq, next);
	return next;
}

/* Begins the slice only now, so that it runs however long the switch took. */
void sched_begin(struct task *task)
{
	task->sched.began = rdtsc();
}

/* The current task gives up the core; its time so far is accounted. */
static void put(struct run_queue *rq, struct task *task)
{
	account_leg(task, TIME_EXIT, rdtsc());
	queue_charge(&rq->queue, &task->sched, rq->stamp);
	account_switch(rq, NULL);
	task->since = rq->stamp;
}

void sched_preempt(struct task *task)
{
	struct run_queue *rq = task->rq;

	put(rq, task);
	queue_requeue(&rq->queue, &task->sched);
	account_wait(rq, task);
}

bool sched_block(struct task *task, u64 wake_at)
{
	queue_sleep(&task->rq->queue, &task->sched, wake_at);
	/* PUBLISH (vapic/mail.h): either we see the post, or its sender sees us asleep. */
	atomic_store_fence(&task->state, (u32)RUN_BLOCKED);
	if ((atomic_load(task->mail) | atomic_load(task->events) | atomic_load(&task->requests)) !=
	            0 &&
	    claim_sleeper(task)) {
		queue_stay(&task->rq->queue, &task->sched);
		return false;
	}
	put(task->rq, task);
	sched_arm_timer(task->rq, wake_at, task->rq->stamp);
	return true;
}

void sched_leave(struct task *task)
{
	struct run_queue *rq = task->rq;

	put(rq, task);
	account_exit(task, task->exit, task->exit_ticks, rq->stamp); /* the one it ended in */
	if (rq->queue.favoured == &task->sched)
		rq->queue.favoured = NULL;
}
