/* SPDX-License-Identifier: MIT */
/*
 * VM exits: one row for each architectural reason. A row without a handler ends the VM with a dump.
 */
#ifndef HV_EXIT_EXITS_H
#define HV_EXIT_EXITS_H

#include "hv/kernel/vcpu/vcpu.h"

/*
 * By basic exit reason. Each carries the exit out and goes on: by vcpu_resume_guest where it was
 * handled whole, by vcpu_run where there is more to look at: a message, a halt, an end, another's
 * turn. The stack is given up.
 */
extern const exit_handler exit_handlers[EXIT_REASONS];

/* A reason that is in no table, or that nothing asked for. */
NORETURN void exit_refused(struct vcpu *vcpu);

/* #GP for what the guest did. */
NORETURN void exit_protected(struct vcpu *vcpu);

NORETURN void exit_cpuid(struct vcpu *vcpu);
NORETURN void exit_hlt(struct vcpu *vcpu);
NORETURN void exit_rdmsr(struct vcpu *vcpu);
NORETURN void exit_wrmsr(struct vcpu *vcpu);
NORETURN void exit_rdpmc(struct vcpu *vcpu);
NORETURN void exit_vmcall(struct vcpu *vcpu);
NORETURN void exit_cr_access(struct vcpu *vcpu);
NORETURN void exit_xsetbv(struct vcpu *vcpu);
NORETURN void exit_exception(struct vcpu *vcpu);
NORETURN void exit_external_interrupt(struct vcpu *vcpu);
NORETURN void exit_ept_violation(struct vcpu *vcpu);
NORETURN void exit_apic_access(struct vcpu *vcpu);
NORETURN void exit_apic_write(struct vcpu *vcpu);
NORETURN void exit_virtual_eoi(struct vcpu *vcpu);
NORETURN void exit_io(struct vcpu *vcpu);

#endif
