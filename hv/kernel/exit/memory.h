/* SPDX-License-Identifier: MIT */
/* What a VM's monitor needs for the instructions that it carries out, and how they end. */
#ifndef HV_EXIT_MEMORY_H
#define HV_EXIT_MEMORY_H

#include "hv/base/types.h"
#include "hv/kernel/vcpu/vcpu.h"

/*
 * A load or store in the APIC's page. Returns what was read; of a store the vector of a
 * level-triggered interrupt that it ended, which the monitor's IOAPIC has to know, or 0.
 * SYS_ENOENT: the page is elsewhere.
 */
MUST_USE s64 guest_apic_access(struct vcpu *vcpu, u64 gpa, bool write, u32 size, u64 value);

/*
 * A store to RAM, within a page. The store is the guest's, through its page tables, though the vCPU
 * has left guest mode: who flushes TLBs meanwhile (pv_flush.c) waits for it as for any other.
 * False: not allowed, or no RAM.
 */
MUST_USE bool guest_store(struct vcpu *vcpu, u64 linear, u64 value, u64 size);

/* The monitor has carried out the instruction at hand: what became of registers, or its fault. */
void guest_finish_instruction(struct vcpu *vcpu, const struct taken_reply *reply);

#endif
