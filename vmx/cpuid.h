/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * A guest's CPUID leaves as data: built once for each VM from the host's leaves by a table that
 * says what passes and what is set (vmx/cpuid.c), looked up by direct index at each exit.
 *
 * Nothing passes that the table does not name: a feature of a new processor stays hidden until
 * somebody has thought about it. Leaves behave as on an Intel processor: above the highest basic
 * leaf, and above the highest extended one, the highest basic leaf answers (SDM 2A, CPUID); what is
 * not there in 0x40000000..0x4fffffff is zero.
 */
#ifndef VMX_CPUID_H
#define VMX_CPUID_H

#include "hv/base/types.h"
#include "hv/base/x86.h"

#define CPUID_BASIC_LEAVES     0x20u
#define CPUID_EXTENDED_LEAVES  9u
#define CPUID_SUBLEAVES        32u
#define CPUID_XSAVE_COMPONENTS 20u

/* Parts of a row that depend on the vCPU and its state. */
enum cpuid_patch {
	CPUID_CONSTANT,
	CPUID_FEATURES,   /* leaf 1: APIC ID, OSXSAVE, APIC enabled */
	CPUID_TOPOLOGY,   /* leaves 0xB, 0x1F: x2APIC ID, level number */
	CPUID_XSAVE,      /* leaf 0xD, 0: bytes for XCR0 */
	CPUID_XSAVE_PACK, /* leaf 0xD, 1: bytes for XCR0, compacted */
};

struct cpuid_row {
	struct cpuid value;
	u8 patch;     /* enum cpuid_patch */
	u8 subleaves; /* 0: ECX does not matter; else rows from `first` on */
	u8 first;
	u8 fast; /* neither patched nor with subleaves; cpuid_build() sets it last */
} ALIGNED(32);   /* finding one is then a shift */

struct cpuid_table {
	struct cpuid_row basic[CPUID_BASIC_LEAVES];
	struct cpuid_row extended[CPUID_EXTENDED_LEAVES];
	struct cpuid_row hypervisor[2][4]; /* from 0x40000000, from 0x40000100 */
	struct cpuid_row subleaf[CPUID_SUBLEAVES];
	struct cpuid_row beyond;          /* for a subleaf that is not there: zero */
	struct cpuid_row beyond_topology; /* for one of leaves 0xB and 0x1F: tells the ID */
	u64 cr4;                          /* bits of CR4 that the guest's features let it set */
	u64 physical_mask;                /* guest-physical addresses: BITS(MAXPHYADDR - 1, 0) */
};

/* Everything that a VM's leaves depend on. */
struct cpuid_config {
	struct cpuid (*host)(u32 leaf, u32 subleaf);
	u32 vcpus;
	bool x2apic;          /* offer x2APIC mode */
	bool rdtscp, invpcid; /* the VM-execution controls are set */
	u64 tsc_hz;           /* of the guest's TSC, which its APIC timer counts with too */
	u64 xcr0;             /* components that the guest may enable; 0: no XSAVE */
	bool kvm, tap;        /* pv=kvm, pv=tap */
	u32 kvm_features;     /* KVM_FEATURE bits that are really there */
	u32 tap_features;     /* TAP_FEATURE bits, 0 without */
	u64 counters;         /* gpa of the counters, 0: none */
	u32 counters_stride;
};

void cpuid_build(struct cpuid_table *table, const struct cpuid_config *config);

/*
 * Returns the row for EAX, ECX. If row->patch is not 0, the caller copies the value and patches it.
 * Rows live as long as the table.
 */
MUST_USE const struct cpuid_row *cpuid_find(const struct cpuid_table *table, u32 leaf, u32 subleaf);

/* Finds a row for the fast path: NULL unless it is a basic leaf that is a constant. */
static ALWAYS_INLINE const struct cpuid_row *cpuid_find_fast(const struct cpuid_table *table,
                                                             u32 leaf)
{
	if (leaf >= CPUID_BASIC_LEAVES || !table->basic[leaf].fast)
		return NULL;
	return &table->basic[leaf];
}

/* State of the vCPU that cpuid_patch() needs. */
struct cpuid_vcpu {
	u32 apic_id; /* x2APIC ID */
	bool apic_enabled;
	u64 cr4; /* as the guest sees it */
	u64 xcr0;
};

void cpuid_patch(const struct cpuid_table *table, const struct cpuid_row *row, u32 subleaf,
                 const struct cpuid_vcpu *vcpu, struct cpuid *value);

#endif
