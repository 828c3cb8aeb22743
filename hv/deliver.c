/* SPDX-License-Identifier: MIT */
#include "hv/deliver.h"

#include "hv/apicv.h"
#include "hv/base/bits.h"
#include "hv/message.h"
#include "hv/sched.h"
#include "hv/vm.h"

static NOINLINE void count_many(struct ipi_counter *c, const struct vapic_tally *sent)
{
	unsigned int fanout = sent->requested == 0 ? 0 : bit_highest(sent->requested) + 1;

	c->requested += sent->requested;
	c->posted += sent->posted;
	c->coalesced += sent->coalesced;
	c->dropped += sent->dropped;
	c->fanout[MIN(fanout, FANOUT_BUCKETS - 1)]++;
}

static ALWAYS_INLINE void count_message(struct ipi_counter *c, u32 mode,
                                        const struct vapic_tally *sent)
{
	c->mode[mode & 7]++;
	c->sends++;
	/* Most messages go to one vCPU, and find it without that vector. */
	if (likely(sent->requested == 1 && sent->posted == 1)) {
		c->requested++;
		c->posted++;
		c->fanout[1]++;
	} else {
		count_many(c, sent);
	}
}

/* Looks at each target of one word of the set. */
static ALWAYS_INLINE void notify_word(struct vcpu *const *vcpus, struct ipi_counter *c, u64 targets)
{
	u64 kicks = 0, avoided = 0;

	for (; targets != 0; targets &= targets - 1) {
		if (sched_notify(vcpus[bit_lowest(targets)]))
			kicks++;
		else
			avoided++;
	}
	c->kicks += kicks;
	c->kicks_avoided += avoided;
}

static NOINLINE void notify(struct vcpu *vcpu, struct ipi_counter *c, const struct vapic_set *wake)
{
	for (u32 w = wake->first; w < wake->last; w++)
		notify_word(&vcpu->vm->vcpu[w * 64], c, wake->word[w]);
}

void deliver(struct vcpu *vcpu, enum ipi_path path, u32 mode, u32 todo,
             const struct vapic_effects *fx)
{
	struct ipi_counter *c = &vcpu->counters->ipi[path];

	count_message(c, mode, &fx->sent);
	if ((todo & VAPIC_SELF) != 0)
		vcpu->vmx.pending |= vcpu->vmx.pending_interrupt;
	if ((todo & VAPIC_WAKE) != 0)
		notify(vcpu, c, &fx->wake);
}

static NOINLINE void todo_seldom(struct vcpu *vcpu, u32 todo, const struct vapic_effects *fx)
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
		todo_seldom(vcpu, todo, fx);
}
