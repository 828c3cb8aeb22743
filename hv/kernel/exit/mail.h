/* SPDX-License-Identifier: MIT */
#ifndef HV_EXIT_MAIL_H
#define HV_EXIT_MAIL_H

#include "hv/kernel/vcpu/vcpu.h"

/* Owner. Takes the mailbox over into the APIC and `vmx.pending`. */
void vcpu_take_mail(struct vcpu *vcpu);

/* As vcpu_take_mail, on the fast path: without INIT, SIPI and NMI. */
void vcpu_take_vectors(struct vcpu *vcpu);

#endif
