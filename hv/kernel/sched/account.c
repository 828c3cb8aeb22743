/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/kernel/sched/account.h"

#include "hv/base/bits.h"

/* The rows of a holder's time, and what those who wait blame them as. */
static const struct {
	enum vcpu_time row;
	enum blame_cause cause;
} rows[] = {
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

static void rebase(struct run_queue *rq)
{
	if (rq->current != NULL)
		for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
			rq->base[rows[i].row] = rq->current->counters->time[rows[i].row];
}

/* Brings rq->held up to rq->stamp. */
static void fold(struct run_queue *rq)
{
	const struct task *holder = rq->current;

	for (unsigned int i = 0; holder != NULL && i < ARRAY_SIZE(rows); i++)
		rq->held[holder->vm][rows[i].cause] += holder->counters->time[rows[i].row] -
		                                       rq->base[rows[i].row];
	rebase(rq);
}

void account_wait(struct run_queue *rq, struct task *task)
{
	fold(rq);
	task->since = rq->stamp;
	for (u32 left = rq->vms; left != 0; left &= left - 1) {
		u32 vm = bit_lowest(left);

		for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
			task->waited_from[vm][cause] = rq->held[vm][cause];
	}
}

/* A VM that was not there when the wait began had taken nothing yet: waited_from is still 0. */
void account_wait_over(struct run_queue *rq, struct task *task)
{
	struct vcpu_counters *c = task->counters;

	fold(rq);
	for (u32 left = rq->vms; left != 0; left &= left - 1) {
		u32 vm = bit_lowest(left);

		for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
			c->blame[vm][cause] += rq->held[vm][cause] - task->waited_from[vm][cause];
	}
	c->time[TIME_READY] += rq->stamp - task->since;
	c->now = rq->stamp;
	task->since = rq->stamp;
}

void account_taken(struct task *victim, u32 culprit, enum blame_cause cause, u64 now)
{
	struct run_queue *rq = victim->rq;
	u64 ticks;

	if (culprit == victim->vm) {
		account_leg(victim, TIME_EXIT, now);
		return;
	}
	ticks = account(victim, TIME_TAKEN, now);
	victim->counters->blame[culprit][cause] += ticks;
	rq->held[culprit][cause] += ticks;
	rq->vms |= BIT32(culprit);
}

void account_switch(struct run_queue *rq, struct task *next)
{
	fold(rq);
	rq->current = next;
	if (next != NULL)
		rq->vms |= BIT32(next->vm);
	rebase(rq);
}

/* What began the stretch: what account_closed was told, if nothing has exited since. */
static u64 who(const struct run_queue *rq)
{
	const struct core_counters *c = &rq->counters;
	u64 last = c->trace[(u8)(c->trace_next - 1) % TRACE_EXITS];
	u64 id = rq->current == NULL ? 0 : rq->current->trace_id;

	return id | (rq->opened == rq->closed ? rq->closed_by : TRACE_REASON(last));
}

NOINLINE void account_stretch(struct run_queue *rq, u64 now)
{
	struct stretch_counters *c = &rq->counters.stretch;
	u64 ticks = now - rq->opened;

	if (ticks < STRETCH_COUNTED)
		return;
	c->hist[bit_highest((u32)MIN(ticks, ~0u))]++;
	if (ticks <= c->max)
		return;
	c->max = ticks;
	c->at = now;
	c->who = who(rq);
}
