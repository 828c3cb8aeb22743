/* SPDX-License-Identifier: MIT */
/* A stopped vCPU as text: why it stopped, and everything it held. Pure. */
#ifndef HV_ROOT_DUMP_H
#define HV_ROOT_DUMP_H

#include "hv/abi/message.h"
#include "hv/ring3/rt/out.h"

/* Does an end of this kind call for a dump? */
bool dump_is_due(u32 end);

/* What the value of an end means, in words; empty when there is nothing to say. */
void dump_value(u32 end, u64 value, struct out *out);

/* What it is at, in one line: mode, interrupts, address space, what it waits for, last exit. */
void dump_glance(const struct vcpu_dump *d, struct out *out);

void dump_print(const struct root_event *event, struct out *out);

/* The exit qualification's fields in words: SDM volume 3, section 28.2.1. */
void dump_qualification(u64 reason, u64 qualification, struct out *out);

#endif
