/* SPDX-License-Identifier: MIT */
#ifndef HV_RUN_ENTRY_H
#define HV_RUN_ENTRY_H

#include "hv/kernel/vcpu/vcpu.h"

/*
 * Into the guest: after an exit that was handled whole, without leaving RUN_GUEST; and from
 * anywhere else. Returns if the vCPU has to turn back: something has come that vcpu_run has to see.
 */
void vcpu_resume_guest(struct vcpu *vcpu);
void vcpu_enter_guest(struct vcpu *vcpu);

#endif
