/* SPDX-License-Identifier: MIT */
/*
 * Structures that a guest of pv=kvm shares with the hypervisor, laid out as KVM's documentation
 * (Linux, Documentation/virt/kvm/x86/msr.rst) has them. They lie in the guest's memory, where its
 * other vCPUs can write at any moment.
 */
#ifndef HV_ABI_PV_H
#define HV_ABI_PV_H

#include "hv/base/types.h"

#define PV_ENABLED 1u /* bit 0 of the MSRs; above it the guest-physical address */

/*
 * MSR_KVM_SYSTEM_TIME, 4-byte aligned. A reader takes what it read for good if `version` was even
 * and the same before and after. Then the time in nanoseconds is
 * system_time + ((TSC - tsc_timestamp) << shift) * mul / 2^32; a negative shift goes right.
 */
struct pv_clock {
	u32 version; /* odd while it is written */
	u32 pad;
	u64 tsc_timestamp;
	u64 system_time;
	u32 mul;
	s8 shift;
	u8 flags; /* PV_CLOCK_* */
	u8 pad2[2];
};
static_assert(sizeof(struct pv_clock) == 32, "KVM's pvclock_vcpu_time_info");

#define PV_CLOCK_STABLE  1u /* the same time on all vCPUs: no need to look at another's */
#define PV_CLOCK_STOPPED 2u /* was paused; the guest clears it */

/* MSR_KVM_WALL_CLOCK, 4-byte aligned: since 1970, at the moment when system_time was 0. */
struct pv_wall_clock {
	u32 version;
	u32 seconds, nanoseconds;
};

/* MSR_KVM_STEAL_TIME, 64-byte aligned. */
struct pv_steal {
	u64 steal; /* ns in which the vCPU was ready to run and could not */
	u32 version;
	u32 flags;    /* 0 */
	u8 preempted; /* PV_STEAL_*; the one member that the guest writes */
	u8 pad[47];
};
static_assert(sizeof(struct pv_steal) == 64, "KVM's kvm_steal_time");

#define PV_STEAL_PREEMPTED 1u /* the vCPU does not have a core */
#define PV_STEAL_FLUSH     2u /* by the guest, with the other: drop its TLB before it runs again */

/* Every clock of a guest shows this many seconds since 1970 when the host's TSC is 0. */
#define BOOT_TIME 1767225600u /* 2026-01-01 00:00:00 UTC */

#endif
