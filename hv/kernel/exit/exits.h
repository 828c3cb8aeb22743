/* SPDX-License-Identifier: MIT */
/*
 * VM exits: one row for each architectural reason. A row without a handler ends the VM with a dump.
 */
#ifndef HV_EXIT_EXITS_H
#define HV_EXIT_EXITS_H

#include "hv/kernel/vcpu/vcpu.h"

/* By basic exit reason. Each carries the exit out, and returns what comes after. */
extern const exit_handler exit_handlers[EXIT_REASONS];

/* A reason that is in no table, or that nothing asked for. */
enum after exit_refused(struct vcpu *vcpu);

/* Nothing to do, or all done: back into the guest. */
enum after exit_resume(struct vcpu *vcpu);

/* #GP for what the guest did. */
enum after exit_protected(struct vcpu *vcpu);

enum after exit_cpuid(struct vcpu *vcpu);
enum after exit_hlt(struct vcpu *vcpu);
enum after exit_rdmsr(struct vcpu *vcpu);
enum after exit_wrmsr(struct vcpu *vcpu);
enum after exit_rdpmc(struct vcpu *vcpu);
enum after exit_vmcall(struct vcpu *vcpu);
enum after exit_cr_access(struct vcpu *vcpu);
enum after exit_xsetbv(struct vcpu *vcpu);
enum after exit_exception(struct vcpu *vcpu);
enum after exit_external_interrupt(struct vcpu *vcpu);
enum after exit_ept_violation(struct vcpu *vcpu);
enum after exit_apic_access(struct vcpu *vcpu);
enum after exit_apic_write(struct vcpu *vcpu);
enum after exit_virtual_eoi(struct vcpu *vcpu);
enum after exit_io(struct vcpu *vcpu);

#endif
