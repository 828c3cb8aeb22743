/* SPDX-License-Identifier: MIT */
/*
 * VM exits: one row for each architectural reason. A row without a handler ends the VM with a dump.
 */
#ifndef HV_EXITS_H
#define HV_EXITS_H

#include "hv/vcpu.h"

enum exit_outcome {
	EXIT_ENTER, /* handled: back into the guest, by the short way */
	EXIT_RUN,   /* look at everything else first: a message, a halt, an end, another's turn */
};

typedef enum exit_outcome (*exit_handler)(struct vcpu *vcpu);

/* By basic exit reason; NULL: none. */
extern const exit_handler exit_handlers[EXIT_REASONS];

enum exit_outcome exit_cpuid(struct vcpu *vcpu);
enum exit_outcome exit_hlt(struct vcpu *vcpu);
enum exit_outcome exit_rdmsr(struct vcpu *vcpu);
enum exit_outcome exit_wrmsr(struct vcpu *vcpu);
enum exit_outcome exit_vmcall(struct vcpu *vcpu);
enum exit_outcome exit_cr_access(struct vcpu *vcpu);
enum exit_outcome exit_xsetbv(struct vcpu *vcpu);
enum exit_outcome exit_exception(struct vcpu *vcpu);
enum exit_outcome exit_external_interrupt(struct vcpu *vcpu);
enum exit_outcome exit_ept_violation(struct vcpu *vcpu);
enum exit_outcome exit_apic_access(struct vcpu *vcpu);
enum exit_outcome exit_io(struct vcpu *vcpu);

#endif
