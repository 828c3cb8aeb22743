/* SPDX-License-Identifier: MIT */
/*
 * VM exits: one row for each architectural reason. A row without a handler ends the VM with a dump.
 */
#ifndef HV_EXIT_EXITS_H
#define HV_EXIT_EXITS_H

#include "hv/kernel/vcpu/vcpu.h"

/* By basic exit reason. Each carries the exit out, and returns what comes after. */
extern const exit_handler exit_handlers[EXIT_REASONS];

/* The handlers, by file. common.c: */
enum after exit_resume(struct vcpu *vcpu);
enum after exit_refused(struct vcpu *vcpu);
enum after exit_protected(struct vcpu *vcpu);
enum after exit_undefined(struct vcpu *vcpu);
enum after exit_triple_fault(struct vcpu *vcpu);
enum after exit_window(struct vcpu *vcpu);
enum after exit_tpr_threshold(struct vcpu *vcpu);
enum after exit_preemption_timer(struct vcpu *vcpu);
enum after exit_nothing_to_do(struct vcpu *vcpu);

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
