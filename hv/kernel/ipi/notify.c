/* SPDX-License-Identifier: MIT */
#include "hv/kernel/ipi/notify.h"

#include "hv/kernel/ipi/apicv.h"
#include "hv/base/bits.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"

#define NOTIFY_BATCH 32u

static void count_send(struct ipi_counter *c, u32 mode, const struct vapic_tally *sent)
{
	unsigned int fanout = sent->requested == 0 ? 0 : bit_highest(sent->requested) + 1;

	c->sends++;
	c->mode[mode & 7]++;
	c->requested += sent->requested;
	c->posted += sent->posted;
	c->coalesced += sent->coalesced;
	c->dropped += sent->dropped;
	c->fanout[MIN(fanout, FANOUT_BUCKETS - 1)]++;
}

/* Looks at each target. There may be so many that interrupts must be let in meanwhile: sched.h. */
static void notify_set(struct vcpu *vcpu, struct ipi_counter *c, const struct vapic_set *wake)
{
	u32 i, n = 0;

	set_for_each (i, wake) {
		if (n++ % NOTIFY_BATCH == NOTIFY_BATCH - 1) {
			sched_poll(vcpu->task.rq, rdtsc());
			vcpu->vmx.pending |= ATTEND_RUN; /* who has come may go first */
		}
		if (sched_notify(&vcpu->vm->vcpu[i]->task))
			c->kicks++;
		else
			c->kicks_avoided++;
	}
}

void notify_targets(struct vcpu *vcpu, enum ipi_path path, u32 mode, u32 todo,
                    const struct vapic_effects *fx)
{
	struct ipi_counter *c = &vcpu->task.counters->ipi[path];

	count_send(c, mode, &fx->sent);
	if ((todo & VAPIC_SELF) != 0)
		vcpu->vmx.pending |= vcpu->vmx.pending_interrupt;
	if ((todo & VAPIC_WAKE) != 0)
		notify_set(vcpu, c, &fx->wake);
}

u32 post_and_notify(struct vcpu *vcpu, enum ipi_path path, u64 targets, u32 vector)
{
	struct vm *vm = vcpu->vm;
	struct ipi_counter *c = &vcpu->task.counters->ipi[path];
	u32 requested = 0, coalesced = 0, dropped = 0, kicks = 0, avoided = 0;

	do {
		u32 i = bit_lowest(targets);
		struct vcpu *target = vm->vcpu[i];
		enum posted posted;

		targets &= targets - 1;
		requested++;
		if (unlikely((atomic_load_relaxed(&vm->bus.route[i]) & VAPIC_ROUTE_ENABLED) == 0)) {
			dropped++;
			continue;
		}
		posted = mail_post_vector(&target->apic->mail, vector, false);
		if (likely(posted == POSTED_WAKE)) {
			if (likely(sched_notify(&target->task)))
				kicks++;
			else
				avoided++;
		} else if (posted == POSTED_TWICE) {
			coalesced++;
		}
	} while (targets != 0);
	c->sends++;
	c->mode[VAPIC_DM_FIXED]++;
	c->requested += requested;
	c->posted += requested - coalesced - dropped;
	c->coalesced += coalesced;
	c->dropped += dropped;
	c->fanout[bit_highest(requested) + 1]++;
	c->kicks += kicks;
	c->kicks_avoided += avoided;
	return requested - dropped;
}

static NOINLINE void todo_slow(struct vcpu *vcpu, u32 todo, const struct vapic_effects *fx)
{
	if ((todo & VAPIC_MODE) != 0)
		apicv_switch(vcpu);
	if ((todo & VAPIC_TIMER) != 0)
		vcpu_set_deadline(vcpu);
	if ((todo & VAPIC_EOI) != 0 && fx != NULL)
		message_eoi(vcpu, fx->eoi_vector);
}

void vcpu_todo(struct vcpu *vcpu, u32 todo, const struct vapic_effects *fx)
{
	if ((todo & VAPIC_SELF) != 0)
		vcpu->vmx.pending |= vcpu->vmx.pending_interrupt;
	if ((todo & (VAPIC_TIMER | VAPIC_EOI | VAPIC_MODE)) != 0)
		todo_slow(vcpu, todo, fx);
}
