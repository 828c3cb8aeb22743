/* SPDX-License-Identifier: MIT */
/*
 * Looking at running vCPUs: `regs` shows one of them whole, `where` takes some samples of each and
 * tells where they were. Ring 0 answers with an event a sample; one is on its way at a time.
 */
#ifndef HV_ROOT_SAMPLE_H
#define HV_ROOT_SAMPLE_H

#include "hv/abi/message.h"
#include "hv/base/types.h"

#define SAMPLES 16u

struct root;
struct slot;

struct sampler {
	bool active;
	bool whole;     /* `regs`: one sample, everything about it */
	bool all;       /* `where` without a name: the VMs behind this one too */
	bool asked;     /* a sample is on its way */
	u32 slot, vcpu; /* which is being looked at */
	u32 count;      /* of samples that came */
	u64 next;       /* TSC: when the next one is asked for; once it is asked: given up */
	u64 rip[SAMPLES];
};

/* From the shell. `vcpu` is one of the VM's. */
void sample_regs(struct root *r, struct slot *s, u32 vcpu);
void sample_where(struct root *r, struct slot *s); /* NULL: all that run */

/* ROOT_EVENT_SAMPLE. */
void sample_event(struct root *r, const struct root_event *event);

/* Each round of root's. */
void sample_step(struct root *r);

#endif
