/* SPDX-License-Identifier: MIT */
/*
 * From what the APIC model says to what the machine does: count the message, look at each target,
 * kick or wake where needed. No lock from here to the kick.
 */
#ifndef HV_DELIVER_H
#define HV_DELIVER_H

#include "hv/abi/counters.h"
#include "hv/base/types.h"
#include "hv/vcpu.h"

/*
 * After a send of `vcpu` (todo has VAPIC_SENT): path and delivery mode for the counters. Also takes
 * up what the sender itself must do.
 */
void deliver(struct vcpu *vcpu, enum ipi_path path, u32 mode, u32 todo,
             const struct vapic_effects *fx);

/* Takes up a word of VAPIC_* of a call on this vCPU's own APIC that sent nothing. */
void vcpu_todo(struct vcpu *vcpu, u32 todo, const struct vapic_effects *fx);

#endif
