/* SPDX-License-Identifier: MIT */
/*
 * What pv=kvm offers beside hypercalls: memory of the guest's that its vCPU and the hypervisor
 * share (hv/abi/pv.h), announced by MSRs. All on the vCPU's own core.
 *
 * The guest's memory stays where it is for the VM's life, so an address is looked up once, when its
 * MSR is written. What lies there is the guest's: it is read once where it is read, and nothing
 * follows from it but what the guest could do anyway.
 */
#ifndef HV_PV_PV_H
#define HV_PV_PV_H

#include "hv/abi/pv.h"
#include "hv/base/types.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "vapic/set.h"

/* The guest writes or reads one of KVM's MSRs. False: #GP. */
MUST_USE bool pv_msr_write(struct vcpu *vcpu, u32 msr, u64 value);
MUST_USE bool pv_msr_read(struct vcpu *vcpu, u32 msr, u64 *value);

/* INIT: as after reset. */
void pv_reset(struct vcpu *vcpu);

/* Writes the clock page, if there is one, with this flag set beside those that are. */
void pv_clock_write(struct vcpu *vcpu, u8 flag);
void pv_wall_clock_write(struct pv_wall_clock *clock);

/* The guest has written its TSC: its vCPUs' clocks may have to be told. */
void pv_tsc_written(struct vcpu *vcpu);

/* A steal page was announced, or no more is. */
void pv_steal_begin(struct vcpu *vcpu);

/* The vCPU has given up its core. */
void pv_leave(struct vcpu *vcpu);

/* Drops what the vCPU's TLB holds, and counts it. Its VMCS is current. */
void pv_flush_own(struct vcpu *vcpu);

/* What of the requests taken is ours; the vCPU has its core, its VMCS is current. */
void pv_take_requests(struct vcpu *vcpu, u32 requests);

/*
 * Hypercall FLUSH_TLB: returns when no target can use a translation that it cached before. Where
 * that takes long the vCPU becomes ACTIVITY_FLUSH, sleeps, and pv_flush_look ends that.
 */
MUST_USE enum after pv_flush_tlb(struct vcpu *vcpu, const struct vapic_set *targets);
void pv_flush_look(struct vcpu *vcpu);

/* TSC at which a vCPU in ACTIVITY_FLUSH looks again. */
u64 pv_flush_next_look(void);

/*
 * PV EOI (vapic/pv_eoi.h). After an exit: an EOI that the guest has skipped. Before an entry: may
 * the next one be skipped? From now on the flag is there; NULL: PV EOI is off.
 */
void pv_eoi_settle(struct vcpu *vcpu);
void pv_eoi_offer(struct vcpu *vcpu);
void pv_eoi_use(struct vcpu *vcpu, u8 *flag);

#endif
