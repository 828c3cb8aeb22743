/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Carries out the guest's instruction at hand: one that touched memory where there is none, or INS
 * or OUTS (MSG_INSTRUCTION). It does what the processor does, with the same checks, once; of a
 * repeated instruction one round, so that interrupts come in between as on a processor.
 *
 * Nothing rests on the exit: the instruction is the one that stands there now, its addresses are
 * computed and looked up in the guest's page tables anew, with the rights that it needs. Where that
 * leads to no device, and where a port is not the one that exited, the guest executes it again.
 */
#ifndef HV_MONITOR_EMULATE_H
#define HV_MONITOR_EMULATE_H

#include "hv/base/types.h"

struct monitor;
struct message;

/* False: a device has no room, nothing was done; handle the message again. */
MUST_USE bool emulate(struct monitor *m, const struct message *message);

#endif
