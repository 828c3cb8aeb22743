/* SPDX-License-Identifier: MIT */
/* A vCPU's whole state as numbers; root makes text of it. */
#ifndef HV_VM_DUMP_H
#define HV_VM_DUMP_H

#include "hv/abi/message.h"
#include "hv/kernel/vcpu/vcpu.h"

/* On the vCPU's core, while it is current. */
void dump_vcpu(const struct vcpu *vcpu, struct vcpu_dump *dump);

/* REQUEST_SAMPLE: tells root what the current vCPU is at. */
void dump_sample(const struct vcpu *vcpu);

#endif
