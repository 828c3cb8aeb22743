/* SPDX-License-Identifier: MIT */
#include "hv/kernel/sched/account.h"

#include "hv/kernel/vm/vm.h"

/* The rows that a holder's waiters can be blamed on, and the cause each stands for. */
static const struct {
	enum vcpu_time row;
	enum blame_cause cause;
} held[] = {
	{ TIME_GUEST, BLAME_GUEST },
	{ TIME_EXIT, BLAME_EXIT },
	{ TIME_MONITOR, BLAME_MONITOR },
};

void account_extreme(struct exit_counter *c, u64 ticks)
{
	if (c->count == 1) /* the first */
		c->min = c->max = ticks;
	c->min = MIN(c->min, ticks);
	c->max = MAX(c->max, ticks);
	c->span = c->max - c->min;
}

void account_idle(struct run_queue *rq, u64 now)
{
	rq->counters.idle += now - rq->stamp;
	rq->counters.now = now;
	rq->stamp = now;
}

/* Time of a waiting vCPU, at the expense of no row but READY. */
static void blame(struct vcpu *victim, u32 culprit, enum blame_cause cause, u64 ticks)
{
	victim->counters->blame[culprit][cause] += ticks;
}

static void settle(struct vcpu *waiting, u64 stamp)
{
	waiting->counters->time[TIME_READY] += stamp - waiting->since;
	waiting->counters->now = stamp;
	waiting->since = stamp;
}

static void rebase(struct run_queue *rq)
{
	if (rq->current != NULL)
		for (unsigned int i = 0; i < ARRAY_SIZE(held); i++)
			rq->base[held[i].row] = rq->current->counters->time[held[i].row];
}

void account_flush(struct run_queue *rq)
{
	const struct vcpu *holder = rq->current;

	for (struct vcpu *v = rq->ready; v != NULL; v = v->ready_next) {
		settle(v, rq->stamp);
		for (unsigned int i = 0; holder != NULL && i < ARRAY_SIZE(held); i++)
			blame(v, holder->vm->id, held[i].cause,
			      holder->counters->time[held[i].row] - rq->base[held[i].row]);
	}
	rebase(rq);
}

void account_taken(struct vcpu *victim, u32 culprit, enum blame_cause cause, u64 now)
{
	struct run_queue *rq = victim->rq;
	u64 ticks;

	if (culprit == victim->vm->id) {
		account_leg(victim, TIME_EXIT, now);
		return;
	}
	account_flush(rq);
	ticks = account(victim, TIME_TAKEN, now);
	blame(victim, culprit, cause, ticks);
	for (struct vcpu *v = rq->ready; v != NULL; v = v->ready_next) {
		settle(v, rq->stamp);
		blame(v, culprit, cause, ticks);
	}
}

void account_switch(struct run_queue *rq, struct vcpu *next)
{
	rq->current = next;
	rebase(rq);
}
