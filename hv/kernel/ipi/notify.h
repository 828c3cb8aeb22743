/* SPDX-License-Identifier: MIT */
/*
 * From what the APIC model says to what the machine does: count the message, look at each target,
 * kick or wake where needed. No lock from here to the kick.
 */
#ifndef HV_IPI_NOTIFY_H
#define HV_IPI_NOTIFY_H

#include "hv/abi/counters.h"
#include "hv/base/types.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "vapic/fast.h"

/* A fixed interrupt of an APIC on the fast path to itself (vapic/fast.h). */
static ALWAYS_INLINE void post_to_self(struct vcpu *vcpu, enum ipi_path path, u32 vector)
{
	struct ipi_counter *c = &vcpu->task.counters->ipi[path];

	c->sends++;
	c->mode[VAPIC_DM_FIXED]++;
	c->requested++;
	if (likely(vapic_fast_send_self(vcpu->apic, vector)))
		c->posted++;
	else
		c->coalesced++;
	c->fanout[1]++;
	vcpu->vmx.pending |= vcpu->vmx.pending_interrupt;
}

/*
 * The whole way of a fixed interrupt to a few other vCPUs of this one's VM (vapic/fast.h, never 0):
 * post, look, kick, count, one target after the other. Returns how many accepted it.
 */
NOINLINE u32 post_and_notify(struct vcpu *vcpu, enum ipi_path path, u64 targets, u32 vector);

/*
 * After a send of `vcpu` (todo has VAPIC_SENT): path and delivery mode for the counters. Also takes
 * up what the sender itself must do.
 */
void notify_targets(struct vcpu *vcpu, enum ipi_path path, u32 mode, u32 todo,
                    const struct vapic_effects *fx);

/* Takes up a word of VAPIC_* of a call on this vCPU's own APIC that sent nothing. */
void vcpu_todo(struct vcpu *vcpu, u32 todo, const struct vapic_effects *fx);

#endif
