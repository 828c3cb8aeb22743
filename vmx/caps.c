/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "vmx/caps.h"

#include "vmx/controls.h"

/* How a row looks at its word. */
enum need {
	NEED_EQUAL, /* (word & mask) == value */
	NEED_OTHER, /* (word & mask) != value */
	NEED_ON,    /* control bits that we set: must be allowed to be 1 */
	NEED_OFF,   /* control bits that we clear: must be allowed to be 0 */
	WANT_ON,    /* control bits set where allowed */
};

struct need_row {
	enum need need;
	u32 word; /* enum vmx_word, or enum vmx_control for the last three */
	u64 mask, value;
	const char *text;
	bool last; /* when this is missing, what follows would be noise */
};

#define VT_X_OUTER                                                                                 \
	"; or, in a virtual machine, let the outer hypervisor offer it (QEMU with KVM: "           \
	"-cpu host,+vmx and kvm_intel nested=1)"
#define TOO_OLD "; use a processor of 2010 (Westmere) or later" VT_X_OUTER

/* clang-format off */
#define HAS(word, bit, text)           { NEED_EQUAL, word, bit, bit, text, false }
#define FIRST(need, word, mask, value, text) { need, word, mask, value, text, true }
#define ON(control, bit, name) \
	{ NEED_ON, control, bit, 0, "VT-x lacks \"" name "\"" TOO_OLD, false }
#define ON_FIRST(control, bit, text)   { NEED_ON, control, bit, 0, text, true }
#define OFF(control, bit, name) \
	{ NEED_OFF, control, bit, 0, "VT-x insists on \"" name "\"" TOO_OLD, false }
#define WANT(control, bit)             { WANT_ON, control, bit, 0, NULL, false }

static const struct need_row rows[] = {
	FIRST(NEED_EQUAL, WORD_CPUID_1_ECX, BIT(5), BIT(5),
	      "no VT-x: use an Intel processor that has it" VT_X_OUTER),
	FIRST(NEED_OTHER, WORD_FEATURE_CONTROL,
	      FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE_SMX, FEATURE_CONTROL_LOCKED,
	      "VT-x is locked off by the firmware: switch it on in the firmware's setup "
	      "(\"Intel Virtualization Technology\", \"VMX\"), then turn the power off and on"),
	ON_FIRST(CONTROL_PRIMARY, PRIMARY_SECONDARY,
	         "no EPT: VT-x lacks even secondary controls" TOO_OLD),
	ON_FIRST(CONTROL_SECONDARY, SECONDARY_EPT, "no EPT (extended page tables)" TOO_OLD),
	ON(CONTROL_SECONDARY, SECONDARY_UNRESTRICTED_GUEST, "unrestricted guest"),

	{ NEED_EQUAL, WORD_BASIC, BITS(53, 50), 6ull << 50, "VMCS memory is not write-back", false },
	HAS(WORD_EPT_VPID, BIT(6), "EPT lacks 4-level tables" VT_X_OUTER),
	HAS(WORD_EPT_VPID, BIT(14), "EPT lacks write-back tables" VT_X_OUTER),
	HAS(WORD_EPT_VPID, BIT(20) | BIT(26), "EPT lacks INVEPT for all contexts" VT_X_OUTER),
	HAS(WORD_CPUID_EXTENDED_EDX, BIT(29), "no 64-bit mode: use a 64-bit processor"),
	HAS(WORD_CPUID_EXTENDED_EDX, BIT(20),
	    "no NX: switch \"Execute Disable\" on in the firmware's setup"),

	ON(CONTROL_PIN, PIN_EXTERNAL_INTERRUPT_EXITING, "external-interrupt exiting"),
	ON(CONTROL_PIN, PIN_NMI_EXITING, "NMI exiting"),
	ON(CONTROL_PIN, PIN_VIRTUAL_NMIS, "virtual NMIs"),
	OFF(CONTROL_PIN, PIN_PREEMPTION_TIMER, "preemption timer"),
	OFF(CONTROL_PIN, PIN_POSTED_INTERRUPTS, "process posted interrupts"),

	ON(CONTROL_PRIMARY, PRIMARY_TSC_OFFSETTING, "use TSC offsetting"),
	ON(CONTROL_PRIMARY, PRIMARY_HLT_EXITING, "HLT exiting"),
	ON(CONTROL_PRIMARY, PRIMARY_MWAIT_EXITING, "MWAIT exiting"),
	ON(CONTROL_PRIMARY, PRIMARY_RDPMC_EXITING, "RDPMC exiting"),
	ON(CONTROL_PRIMARY, PRIMARY_CR8_LOAD_EXITING, "CR8-load exiting"),
	ON(CONTROL_PRIMARY, PRIMARY_CR8_STORE_EXITING, "CR8-store exiting"),
	ON(CONTROL_PRIMARY, PRIMARY_IO_BITMAPS, "use I/O bitmaps"),
	ON(CONTROL_PRIMARY, PRIMARY_MSR_BITMAPS, "use MSR bitmaps"),
	ON(CONTROL_PRIMARY, PRIMARY_MONITOR_EXITING, "MONITOR exiting"),
	ON(CONTROL_PRIMARY, PRIMARY_INTERRUPT_WINDOW, "interrupt-window exiting"),
	ON(CONTROL_PRIMARY, PRIMARY_NMI_WINDOW, "NMI-window exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_INTERRUPT_WINDOW, "interrupt-window exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_NMI_WINDOW, "NMI-window exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_INVLPG_EXITING, "INVLPG exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_RDTSC_EXITING, "RDTSC exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_CR3_LOAD_EXITING, "CR3-load exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_CR3_STORE_EXITING, "CR3-store exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_TPR_SHADOW, "use TPR shadow"),
	OFF(CONTROL_PRIMARY, PRIMARY_TERTIARY, "activate tertiary controls"),
	OFF(CONTROL_PRIMARY, PRIMARY_DR_EXITING, "MOV-DR exiting"),
	OFF(CONTROL_PRIMARY, PRIMARY_MONITOR_TRAP, "monitor trap flag"),
	OFF(CONTROL_PRIMARY, PRIMARY_PAUSE_EXITING, "PAUSE exiting"),

	WANT(CONTROL_SECONDARY, SECONDARY_RDTSCP),
	WANT(CONTROL_SECONDARY, SECONDARY_VPID),
	WANT(CONTROL_SECONDARY, SECONDARY_WBINVD_EXITING),
	WANT(CONTROL_SECONDARY, SECONDARY_INVPCID),
	WANT(CONTROL_SECONDARY, SECONDARY_BUS_LOCK_DETECTION),
	OFF(CONTROL_SECONDARY,
	    ~(SECONDARY_EPT | SECONDARY_UNRESTRICTED_GUEST | SECONDARY_RDTSCP | SECONDARY_VPID |
	      SECONDARY_WBINVD_EXITING | SECONDARY_INVPCID | SECONDARY_BUS_LOCK_DETECTION),
	    "a secondary control"),

	ON(CONTROL_EXIT, EXIT_SAVE_DEBUG_CONTROLS, "save debug controls"),
	ON(CONTROL_EXIT, EXIT_HOST_64, "host address-space size"),
	ON(CONTROL_EXIT, EXIT_ACKNOWLEDGE_INTERRUPT, "acknowledge interrupt on exit"),
	ON(CONTROL_EXIT, EXIT_SAVE_PAT, "save IA32_PAT"),
	ON(CONTROL_EXIT, EXIT_LOAD_PAT, "load IA32_PAT"),
	ON(CONTROL_EXIT, EXIT_SAVE_EFER, "save IA32_EFER"),
	ON(CONTROL_EXIT, EXIT_LOAD_EFER, "load IA32_EFER"),
	OFF(CONTROL_EXIT, EXIT_SAVE_PREEMPTION_TIMER, "save VMX-preemption timer value"),
	ON(CONTROL_ENTRY, ENTRY_LOAD_DEBUG_CONTROLS, "load debug controls"),
	ON(CONTROL_ENTRY, ENTRY_LOAD_PAT, "load IA32_PAT at entry"),
	ON(CONTROL_ENTRY, ENTRY_LOAD_EFER, "load IA32_EFER at entry"),
	ON(CONTROL_ENTRY, ENTRY_GUEST_64, "IA-32e mode guest"),
	OFF(CONTROL_ENTRY, ENTRY_GUEST_64, "IA-32e mode guest"),
};
/* clang-format on */

/* Bits that the caller sets when needed: allowed, but not part of the base words. */
static const u32 set_later[VMX_CONTROLS] = {
	[CONTROL_PRIMARY] = PRIMARY_INTERRUPT_WINDOW | PRIMARY_NMI_WINDOW,
	[CONTROL_ENTRY] = ENTRY_GUEST_64,
};

static const struct {
	u32 word, true_word; /* the latter is used where BASIC[55] says that it is there */
} sources[VMX_CONTROLS] = {
	[CONTROL_PIN] = { WORD_PIN, WORD_TRUE_PIN },
	[CONTROL_PRIMARY] = { WORD_PRIMARY, WORD_TRUE_PRIMARY },
	[CONTROL_SECONDARY] = { WORD_SECONDARY, WORD_SECONDARY },
	[CONTROL_EXIT] = { WORD_EXIT, WORD_TRUE_EXIT },
	[CONTROL_ENTRY] = { WORD_ENTRY, WORD_TRUE_ENTRY },
};

/* Returns a control's capability word: bits 31:0 must be 1, bits 63:32 may be 1 (SDM A.3). */
static u64 control_word(const struct vmx_raw *raw, unsigned int control)
{
	bool has_true = raw->word[WORD_BASIC] & BIT(55);

	return raw->word[has_true ? sources[control].true_word : sources[control].word];
}

static bool met(const struct need_row *row, const struct vmx_raw *raw)
{
	switch (row->need) {
	case NEED_EQUAL:
		return (raw->word[row->word] & row->mask) == row->value;
	case NEED_OTHER:
		return (raw->word[row->word] & row->mask) != row->value;
	case NEED_ON:
		return ((control_word(raw, row->word) >> 32) & row->mask) == row->mask;
	case NEED_OFF:
		return !(control_word(raw, row->word) & row->mask);
	case WANT_ON:
		break;
	}
	return true;
}

unsigned int vmx_caps_missing(const struct vmx_raw *raw, unsigned int from, const char **text)
{
	for (unsigned int i = from; i < ARRAY_SIZE(rows); i++) {
		if (!met(&rows[i], raw)) {
			*text = rows[i].text;
			return rows[i].last ? ARRAY_SIZE(rows) : i + 1;
		}
	}
	return 0;
}

static void build_controls(struct vmx_caps *caps, const struct vmx_raw *raw)
{
	for (unsigned int c = 0; c < VMX_CONTROLS; c++) {
		u64 word = control_word(raw, c);

		caps->control[c] = (u32)word;
		caps->allowed[c] = (u32)(word >> 32);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].need == NEED_ON || rows[i].need == WANT_ON) {
			u32 *control = &caps->control[rows[i].word];

			*control |= (u32)rows[i].mask & caps->allowed[rows[i].word] &
			            ~set_later[rows[i].word];
		}
	}
	caps->tertiary_allowed = raw->word[WORD_TERTIARY];
}

/* Returns the type of INVVPID to use; it and each type have a bit of their own (SDM 3D A.10). */
static u8 invvpid_type(u64 ept)
{
	return (~ept & (BIT(32) | BIT(41))) == 0   ? INVVPID_SINGLE_CONTEXT
	       : (~ept & (BIT(32) | BIT(42))) == 0 ? INVVPID_ALL_CONTEXTS
	                                           : 0;
}

void vmx_caps_build(struct vmx_caps *caps, const struct vmx_raw *raw)
{
	u64 basic = raw->word[WORD_BASIC], misc = raw->word[WORD_MISC];
	u64 ept = raw->word[WORD_EPT_VPID];

	build_controls(caps, raw);
	caps->cr0_set = raw->word[WORD_CR0_FIXED0];
	caps->cr0_may = raw->word[WORD_CR0_FIXED1];
	caps->cr4_set = raw->word[WORD_CR4_FIXED0];
	caps->cr4_may = raw->word[WORD_CR4_FIXED1];
	caps->guest_cr0_set = caps->cr0_set & ~(CR0_PE | CR0_PG);
	caps->revision = (u32)bits_get(basic, 30, 0);
	caps->timer_shift = (u32)bits_get(misc, 4, 0);
	caps->activity_hlt = misc & BIT(6);
	caps->ept_largest = (ept & BIT(17)) ? 2 : (ept & BIT(16)) ? 1 : 0;
	caps->itlb_multihit = !(raw->word[WORD_ARCH_CAPABILITIES] & PSCHANGE_MC_NO);
	caps->ept_accessed_dirty = ept & BIT(21);
	caps->invvpid_type = invvpid_type(ept);
	if (caps->invvpid_type == 0)
		caps->control[CONTROL_SECONDARY] &= ~SECONDARY_VPID;
	if (!(caps->control[CONTROL_SECONDARY] & SECONDARY_VPID))
		caps->invvpid_type = 0;
	caps->eptp_flags = EPTP_WRITE_BACK | EPTP_LEVELS_4 |
	                   (caps->ept_accessed_dirty ? EPTP_ACCESSED_DIRTY : 0);
}
