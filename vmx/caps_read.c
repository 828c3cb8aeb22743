/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/caps.h"

#include "vmx/controls.h"

#define ALLOWED_1(bit) ((u64)(bit) << 32)

/* A capability MSR: it is there when `condition` has any of the bits `any` (SDM appendix A). */
struct word_row {
	const char *name;
	u32 msr; /* 0: from CPUID */
	enum vmx_word condition;
	u64 any;
	u64 compare; /* bits in which cores may not differ */
};

#define IF_VMX  WORD_CPUID_1_ECX, BIT(5)
#define IF_TRUE WORD_BASIC, BIT(55)
#define IF_ARCH WORD_CPUID_7_EDX, BIT(29)

/* CPUID bits that mirror the state of a core (OSXSAVE, APIC enabled) are not compared. */
static const struct word_row rows[VMX_WORDS] = {
	[WORD_CPUID_1_ECX] = { "CPUID.1:ECX", 0, 0, 0, ~BIT(27) },
	[WORD_CPUID_1_EDX] = { "CPUID.1:EDX", 0, 0, 0, ~BIT(9) },
	[WORD_CPUID_7_EBX] = { "CPUID.7:EBX", 0, 0, 0, ~0ull },
	[WORD_CPUID_EXTENDED_EDX] = { "CPUID.80000001H:EDX", 0, 0, 0, ~BIT(11) },
	[WORD_CPUID_7_EDX] = { "CPUID.7:EDX", 0, 0, 0, BIT(29) },
	[WORD_ARCH_CAPABILITIES] = { "IA32_ARCH_CAPABILITIES", 0x10a, IF_ARCH, PSCHANGE_MC_NO },
	[WORD_FEATURE_CONTROL] = { "IA32_FEATURE_CONTROL", 0x3a, IF_VMX, 0 },
	[WORD_BASIC] = { "IA32_VMX_BASIC", 0x480, IF_VMX, ~0ull },
	[WORD_PIN] = { "IA32_VMX_PINBASED_CTLS", 0x481, IF_VMX, ~0ull },
	[WORD_PRIMARY] = { "IA32_VMX_PROCBASED_CTLS", 0x482, IF_VMX, ~0ull },
	[WORD_EXIT] = { "IA32_VMX_EXIT_CTLS", 0x483, IF_VMX, ~0ull },
	[WORD_ENTRY] = { "IA32_VMX_ENTRY_CTLS", 0x484, IF_VMX, ~0ull },
	[WORD_MISC] = { "IA32_VMX_MISC", 0x485, IF_VMX, ~0ull },
	[WORD_CR0_FIXED0] = { "IA32_VMX_CR0_FIXED0", 0x486, IF_VMX, ~0ull },
	[WORD_CR0_FIXED1] = { "IA32_VMX_CR0_FIXED1", 0x487, IF_VMX, ~0ull },
	[WORD_CR4_FIXED0] = { "IA32_VMX_CR4_FIXED0", 0x488, IF_VMX, ~0ull },
	[WORD_CR4_FIXED1] = { "IA32_VMX_CR4_FIXED1", 0x489, IF_VMX, ~0ull },
	[WORD_SECONDARY] = { "IA32_VMX_PROCBASED_CTLS2", 0x48b, WORD_PRIMARY,
	                     ALLOWED_1(PRIMARY_SECONDARY), ~0ull },
	[WORD_EPT_VPID] = { "IA32_VMX_EPT_VPID_CAP", 0x48c, WORD_SECONDARY,
	                    ALLOWED_1(SECONDARY_EPT | SECONDARY_VPID), ~0ull },
	[WORD_TRUE_PIN] = { "IA32_VMX_TRUE_PINBASED_CTLS", 0x48d, IF_TRUE, ~0ull },
	[WORD_TRUE_PRIMARY] = { "IA32_VMX_TRUE_PROCBASED_CTLS", 0x48e, IF_TRUE, ~0ull },
	[WORD_TRUE_EXIT] = { "IA32_VMX_TRUE_EXIT_CTLS", 0x48f, IF_TRUE, ~0ull },
	[WORD_TRUE_ENTRY] = { "IA32_VMX_TRUE_ENTRY_CTLS", 0x490, IF_TRUE, ~0ull },
	[WORD_TERTIARY] = { "IA32_VMX_PROCBASED_CTLS3", 0x492, WORD_PRIMARY,
	                    ALLOWED_1(PRIMARY_TERTIARY), ~0ull },
};

void vmx_caps_read(struct vmx_raw *raw, const struct vmx_source *from)
{
	struct cpuid c = from->cpuid(1, 0);

	raw->word[WORD_CPUID_1_ECX] = c.ecx;
	raw->word[WORD_CPUID_1_EDX] = c.edx;
	raw->word[WORD_CPUID_EXTENDED_EDX] = from->cpuid(0x80000001, 0).edx;
	c = from->cpuid(0, 0).eax >= 7 ? from->cpuid(7, 0) : (struct cpuid){ 0 };
	raw->word[WORD_CPUID_7_EBX] = c.ebx;
	raw->word[WORD_CPUID_7_EDX] = c.edx;
	for (unsigned int i = WORD_ARCH_CAPABILITIES; i < VMX_WORDS; i++) {
		bool there = raw->word[rows[i].condition] & rows[i].any;

		raw->word[i] = there ? from->rdmsr(rows[i].msr) : 0;
	}
}

const char *vmx_caps_difference(const struct vmx_raw *a, const struct vmx_raw *b)
{
	for (unsigned int i = 0; i < VMX_WORDS; i++) {
		if ((a->word[i] ^ b->word[i]) & rows[i].compare)
			return rows[i].name;
	}
	return NULL;
}
