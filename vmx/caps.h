/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Reads what a core's VT-x can do, checks it against what Tapvisor needs, and makes the VMCS
 * control words.
 *
 * Three steps, each a walk over a table: vmx_caps_read() collects the raw words (CPUID, capability
 * MSRs; SDM volume 3, appendix A), never touching an MSR that is not there; vmx_caps_build() makes
 * struct vmx_caps of them; vmx_caps_missing() names what is required and absent, in words that tell
 * what to do. vmx_caps_difference() compares two cores. Nothing here touches the machine: reading
 * goes through struct vmx_source.
 */
#ifndef VMX_CAPS_H
#define VMX_CAPS_H

#include "hv/base/types.h"
#include "hv/base/x86.h"

enum vmx_word {
	/* CPUID */
	WORD_CPUID_1_ECX,
	WORD_CPUID_1_EDX,
	WORD_CPUID_7_EBX,
	WORD_CPUID_7_EDX,
	WORD_CPUID_EXTENDED_EDX, /* 0x80000001 */
	/* MSRs, each behind those that say whether it is there */
	WORD_ARCH_CAPABILITIES,
	WORD_FEATURE_CONTROL,
	WORD_BASIC,
	WORD_PIN,
	WORD_PRIMARY,
	WORD_EXIT,
	WORD_ENTRY,
	WORD_MISC,
	WORD_CR0_FIXED0,
	WORD_CR0_FIXED1,
	WORD_CR4_FIXED0,
	WORD_CR4_FIXED1,
	WORD_SECONDARY,
	WORD_EPT_VPID,
	WORD_TRUE_PIN,
	WORD_TRUE_PRIMARY,
	WORD_TRUE_EXIT,
	WORD_TRUE_ENTRY,
	WORD_TERTIARY,
	VMX_WORDS
};

/* A core's raw words; those that the core does not have are 0. */
struct vmx_raw {
	u64 word[VMX_WORDS];
};

struct vmx_source {
	struct cpuid (*cpuid)(u32 leaf, u32 subleaf);
	u64 (*rdmsr)(u32 msr);
};

void vmx_caps_read(struct vmx_raw *raw, const struct vmx_source *from);

enum vmx_control {
	CONTROL_PIN,
	CONTROL_PRIMARY,
	CONTROL_SECONDARY,
	CONTROL_EXIT,
	CONTROL_ENTRY,
	VMX_CONTROLS
};

#define PSCHANGE_MC_NO BIT(6) /* of ARCH_CAPABILITIES (SDM 4, MSR 10AH) */

#define FEATURE_CONTROL_LOCKED          BIT(0)
#define FEATURE_CONTROL_VMX_OUTSIDE_SMX BIT(2)

struct vmx_caps {
	/*
	 * Control words ready for a VMCS: all required bits, the wanted ones that are there, and
	 * what the processor insists on. Safe by default: CR8 exits, APIC virtualisation is off.
	 */
	u32 control[VMX_CONTROLS];
	u32 allowed[VMX_CONTROLS]; /* bits that may be 1 */
	u64 tertiary_allowed;

	/* For CR0 and CR4 in VMX root: (value | set) & may. */
	u64 cr0_set, cr0_may, cr4_set, cr4_may;
	/* As cr0_set for an unrestricted guest, whose PE and PG are free (SDM 24.8, 27.3.1.1). */
	u64 guest_cr0_set;

	u32 revision;    /* first word of VMXON region and VMCS */
	u32 timer_shift; /* preemption timer counts TSC bit `timer_shift`'s changes */
	u64 eptp_flags;  /* write-back, 4 levels, A/D if there: or with the table's address */
	unsigned int ept_largest; /* level of the largest pages: 0 (4 KiB) to 2 (1 GiB) */
	bool ept_accessed_dirty;
	bool itlb_multihit; /* not known to be free of that defect: vmx/ept.h */
	u8 invvpid_type; /* INVVPID_*, single context if there; 0: no VPID is in use, none wanted */
	bool activity_hlt;
};

/* Makes the capabilities of raw words in which vmx_caps_missing() finds nothing. */
void vmx_caps_build(struct vmx_caps *caps, const struct vmx_raw *raw);

/* Whether all of `bits` may be set in this control. */
static inline bool vmx_caps_offers(const struct vmx_caps *caps, enum vmx_control control, u32 bits)
{
	return (caps->allowed[control] & bits) == bits;
}

/*
 * Return the guest's CR0 or CR4 as the VMCS must hold it; the read shadow keeps the guest's value.
 * MCE is the host's: a machine check while the guest has it clear would shut the processor down.
 */
static inline u64 vmx_caps_guest_cr0(const struct vmx_caps *caps, u64 value)
{
	return (value | caps->guest_cr0_set) & caps->cr0_may;
}

static inline u64 vmx_caps_guest_cr4(const struct vmx_caps *caps, u64 value)
{
	return (value | caps->cr4_set | CR4_MCE) & caps->cr4_may;
}

/*
 * Finds the next requirement from row `from` on that is not met. Stores its text in *text and
 * returns the row to go on from; 0: nothing more is missing. The search ends after a row that
 * explains all that would follow (no VT-x).
 */
MUST_USE unsigned int vmx_caps_missing(const struct vmx_raw *raw, unsigned int from,
                                       const char **text);

/* Returns the name of the first word in which two cores differ in a way that matters, or NULL. */
MUST_USE const char *vmx_caps_difference(const struct vmx_raw *a, const struct vmx_raw *b);

#endif
