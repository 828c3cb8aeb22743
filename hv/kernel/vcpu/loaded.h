/* SPDX-License-Identifier: MIT */
/*
 * Whose VMCS, vector and system registers a core has: those of the vCPU whose guest or monitor ran
 * there last, also while root runs or nobody does. On the core.
 */
#ifndef HV_VCPU_LOADED_H
#define HV_VCPU_LOADED_H

#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vcpu/vcpu.h"

/* This vCPU runs next. */
void vcpu_load(struct run_queue *rq, struct vcpu *vcpu);

/*
 * Root runs next: it has none of these, and what a guest has left in the vector registers and in
 * TSC_AUX it may not see. CR0.TS is set while root runs, and after it until a vCPU's turn.
 */
void vcpu_hide(struct run_queue *rq);

/* It never runs again. */
void vcpu_unload(struct run_queue *rq, struct vcpu *vcpu);

#endif
