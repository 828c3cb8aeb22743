/* SPDX-License-Identifier: MIT */
#include "hv/kernel/sched/sched.h"

#include "hv/kernel/sched/account.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/vcpu/loaded.h"
#include "hv/kernel/vm/vm.h"

#define USUAL_WEIGHT 100u
/* A slice long enough that a switch is small beside it, on slow emulated clocks too. */
#define SLICES_PER_SECOND 1000u
#define SHORTEST_SLICE    100000u

struct run_queue run_queues[MAX_CORES];

static u64 slice_of(const struct vcpu *vcpu)
{
	u64 usual = clock_get()->tsc_hz / SLICES_PER_SECOND;

	if (vcpu->vm->config.slice != 0)
		return vcpu->vm->config.slice;
	return MAX(usual, SHORTEST_SLICE);
}

void sched_init(void)
{
	struct run_queue *rq = this_queue();

	rq->core = this_core();
	rq->timer_at = VAPIC_NEVER;
	rq->stamp = rdtsc();
	rq->counters.created = rq->stamp;
	rq->counters.now = rq->stamp;
}

/* ---- the queue ---- */

static void enqueue(struct run_queue *rq, struct vcpu *vcpu)
{
	account_flush(rq);
	vcpu->since = rq->stamp;
	vcpu->ready = true;
	vcpu->ready_next = rq->ready;
	rq->ready = vcpu;
}

static struct vcpu *first_ready(const struct run_queue *rq)
{
	struct vcpu *best = rq->ready;

	for (struct vcpu *v = rq->ready; v != NULL; v = v->ready_next)
		if (v->virtual_runtime < best->virtual_runtime)
			best = v;
	return best;
}

static void dequeue(struct run_queue *rq, struct vcpu *vcpu)
{
	struct vcpu **link = &rq->ready;

	account_flush(rq);
	while (*link != vcpu)
		link = &(*link)->ready_next;
	*link = vcpu->ready_next;
	vcpu->ready = false;
}

/* Charges the run time since the last call to the current vCPU's virtual clock. */
static void charge(struct run_queue *rq, struct vcpu *vcpu, u64 now)
{
	vcpu->virtual_runtime += (now - vcpu->run_began) * USUAL_WEIGHT / vcpu->vm->config.weight;
	vcpu->run_began = now;
	rq->min_runtime = MAX(rq->min_runtime, vcpu->virtual_runtime);
}

/* A sleeper comes back with half a slice of credit at most: woken soon, but no bank account. */
static void wake_one(struct run_queue *rq, struct vcpu *vcpu)
{
	struct vcpu_counters *c = vcpu->counters;
	u64 credit = slice_of(vcpu) / 2;
	u64 floor = rq->min_runtime > credit ? rq->min_runtime - credit : 0;

	if (c->created == 0) {
		c->created = rq->stamp;
		vcpu->since = rq->stamp;
		vcpu->member_next = rq->members;
		rq->members = vcpu;
	}
	c->time[TIME_BLOCKED] += rq->stamp - vcpu->since;
	c->now = rq->stamp;
	vcpu->wake_at = VAPIC_NEVER;
	vcpu->virtual_runtime = MAX(vcpu->virtual_runtime, floor);
	count(vcpu, EVENT_WAKE);
	enqueue(rq, vcpu);
}

/* ---- waking ---- */

/* Several posters may try; who wins the exchange queues the vCPU, so it is queued once. */
static bool claim_sleeper(struct vcpu *vcpu)
{
	u32 expected = RUN_BLOCKED;

	return atomic_cas(&vcpu->state, &expected, (u32)RUN_HOST);
}

/* True when the stack was empty: the one who finds it so answers for the kick. */
static bool push_woken(struct run_queue *rq, struct vcpu *vcpu)
{
	struct vcpu *head = atomic_load_relaxed(&rq->woken);

	do {
		vcpu->wake_next = head;
	} while (!atomic_cas(&rq->woken, &head, vcpu));
	return head == NULL;
}

/*
 * The processor takes vectors out of the mailbox, which is its posted-interrupt descriptor (SDM 3C,
 * "Posted-Interrupt Processing"), without an exit; all else it must leave the guest for.
 */
static NOINLINE bool notify_posted(struct vcpu *vcpu)
{
	bool more = (atomic_load(&vcpu->apic->mail.events) | atomic_load(&vcpu->requests)) != 0;

	lapic_send(vcpu->rq->core->apic_id, more ? VECTOR_KICK : VECTOR_POSTED);
	return true;
}

/*
 * The sender's half of the delivery protocol. The post was a locked instruction, hence a full
 * fence: this load of `state` comes after it. Partner: vcpu_publish and sched_block, which store
 * `state` with XCHG before they look at the mailbox. For the same reason the kick needs no fence of
 * its own: what the target must see was visible before.
 */
bool sched_notify(struct vcpu *vcpu)
{
	struct run_queue *rq = vcpu->rq;
	u32 state = atomic_load(&vcpu->state);

	if (state == RUN_GUEST) {
		lapic_send(rq->core->apic_id, VECTOR_KICK);
		return true;
	}
	if (state != RUN_BLOCKED) {
		if (unlikely(state == RUN_POSTED))
			return notify_posted(vcpu);
		return false;
	}
	if (!claim_sleeper(vcpu))
		return false;
	if (rq == this_queue()) {
		wake_one(rq, vcpu);
		if (rq->current != NULL)
			rq->current->vmx.pending |= ATTEND_RUN; /* the newcomer may go first */
		return false;
	}
	if (!push_woken(rq, vcpu))
		return false;
	lapic_send(rq->core->apic_id, VECTOR_KICK);
	return true;
}

bool sched_request(struct vcpu *vcpu, u32 request)
{
	atomic_or(&vcpu->requests, request);
	return sched_notify(vcpu);
}

void sched_add(struct vcpu *vcpu)
{
	vcpu->wake_at = VAPIC_NEVER;
	vcpu->state = RUN_BLOCKED;
	sched_notify(vcpu);
}

static u32 take_wakes(struct run_queue *rq)
{
	struct vcpu *vcpu = atomic_load_relaxed(&rq->woken) == NULL
	                            ? NULL
	                            : atomic_swap(&rq->woken, (struct vcpu *)NULL);
	u32 culprit = HOST_VM;

	while (vcpu != NULL) {
		struct vcpu *next = vcpu->wake_next;

		culprit = vcpu->vm->id;
		wake_one(rq, vcpu);
		vcpu = next;
	}
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

static u32 take_timers(struct run_queue *rq, u64 now)
{
	u32 culprit = HOST_VM;
	u64 next = VAPIC_NEVER;

	if (now >= rq->timer_at)
		rq->timer_at = VAPIC_NEVER;
	for (struct vcpu *v = rq->members; v != NULL; v = v->member_next) {
		if (atomic_load_relaxed(&v->state) != RUN_BLOCKED || v->wake_at == VAPIC_NEVER)
			continue;
		if (v->wake_at > now) {
			next = MIN(next, v->wake_at);
		} else if (claim_sleeper(v)) {
			culprit = v->vm->id;
			wake_one(rq, v);
		}
	}
	sched_arm_timer(rq, next, now);
	return culprit;
}

void sched_interrupted(struct vcpu *vcpu, u64 vector)
{
	struct run_queue *rq = vcpu->rq;

	if (vector != VECTOR_TIMER) {
		rq->counters.kicks_received++;
		account_taken(vcpu, take_wakes(rq), BLAME_KICK, rdtsc());
		return;
	}
	/* It may have fired before its time (the counter's range is short): so it is not armed. */
	rq->counters.timer_interrupts++;
	rq->timer_at = VAPIC_NEVER;
	account_taken(vcpu, take_timers(rq, rdtsc()), BLAME_TIMER, rdtsc());
}

void sched_watch(struct run_queue *rq, u64 now)
{
	if (unlikely(atomic_load(&rq->woken) != NULL))
		take_wakes(rq);
	if (unlikely(now >= rq->timer_at))
		take_timers(rq, now);
}

/* ---- slices ---- */

u64 sched_slice_end(const struct vcpu *vcpu)
{
	return vcpu->rq->ready == NULL ? VAPIC_NEVER : vcpu->run_began + slice_of(vcpu);
}

bool sched_must_yield(struct run_queue *rq, u64 now)
{
	struct vcpu *current = rq->current;
	u64 slice = slice_of(current);
	u64 ran = now - current->run_began;
	u64 runtime = current->virtual_runtime + ran * USUAL_WEIGHT / current->vm->config.weight;

	if (rq->ready == NULL)
		return false;
	if (ran < slice)
		return first_ready(rq)->virtual_runtime + slice / 4 < runtime;
	charge(rq, current, now);
	count(current, EVENT_SLICE);
	return first_ready(rq)->virtual_runtime <= runtime;
}

/* A hint for the next choice alone, so that two who favour each other win nothing from others. */
bool sched_favour(struct run_queue *rq, struct vcpu *target)
{
	if (target->rq != rq || !target->ready)
		return false;
	rq->favoured = target;
	return true;
}

/* The favoured one, if it is no more than a slice ahead of whose turn it is. */
static struct vcpu *choose(struct run_queue *rq)
{
	struct vcpu *first = first_ready(rq);
	struct vcpu *favoured = rq->favoured;

	rq->favoured = NULL;
	if (favoured != NULL && favoured->ready &&
	    favoured->virtual_runtime <= first->virtual_runtime + slice_of(favoured))
		return favoured;
	return first;
}

/* ---- switching ---- */

static void pick(void *argument)
{
	struct run_queue *rq = argument;
	struct vcpu *next;

	for (;;) {
		u64 now = rdtsc();

		take_wakes(rq);
		take_timers(rq, now);
		next = choose(rq);
		if (next != NULL)
			break;
		core_idle();
		account_idle(rq, rdtsc());
	}
	dequeue(rq, next);
	account_switch(rq, next);
	next->run_began = rq->stamp;
	vcpu_load(rq, next);
	vcpu_set_deadline(next);
	vcpu_run(next);
}

/*
 * On an empty stack: a vCPU that is woken for nothing comes back here without an entry into ring 3
 * or the guest between, and its sender can repeat that without end.
 */
NORETURN void sched_run(void)
{
	stack_switch(this_core()->stack_top, pick, this_queue());
}

/* The current vCPU gives up the core; its time so far is accounted. */
static void put(struct run_queue *rq, struct vcpu *vcpu)
{
	account_leg(vcpu, TIME_EXIT, rdtsc());
	charge(rq, vcpu, rq->stamp);
	account_flush(rq);
	account_switch(rq, NULL);
	vcpu->since = rq->stamp;
	if (unlikely(vcpu->pv.steal != NULL))
		pv_leave(vcpu);
}

NORETURN void sched_preempt(struct vcpu *vcpu)
{
	struct run_queue *rq = vcpu->rq;

	put(rq, vcpu);
	enqueue(rq, vcpu);
	sched_run();
}

void sched_block(struct vcpu *vcpu, u64 wake_at)
{
	vcpu->wake_at = wake_at;
	/* Full fence; partner: sched_notify. Either we see the post, or its sender sees us asleep.
	 */
	atomic_store_fence(&vcpu->state, (u32)RUN_BLOCKED);
	if ((vapic_pending(vcpu->apic) || atomic_load(&vcpu->requests) != 0) && claim_sleeper(vcpu))
		return;
	put(vcpu->rq, vcpu);
	sched_run();
}

NORETURN void sched_leave(struct vcpu *vcpu)
{
	struct run_queue *rq = vcpu->rq;
	struct vcpu **link = &rq->members;

	put(rq, vcpu);
	account_exit(vcpu, vcpu->exit, vcpu->exit_ticks, rq->stamp); /* the one it ended in */
	if (rq->favoured == vcpu)
		rq->favoured = NULL;
	while (*link != vcpu)
		link = &(*link)->member_next;
	*link = vcpu->member_next;
	vcpu_unload(rq, vcpu);
	pt_activate(kernel_root()); /* the process's tables may be freed from here on */
	vm_vcpu_left(vcpu);
	sched_run();
}
