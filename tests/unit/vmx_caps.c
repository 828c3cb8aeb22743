/* SPDX-License-Identifier: MIT */
/* Capabilities: MSR values of several processor models, and hostile combinations of bits. */
#include "vmx/caps.h"

#include "hv/base/bits.h"
#include "tests/unit/vmx_models.h"
#include "vmx/controls.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- a machine to read from: an MSR that it lacks is a fault ---- */

static const struct model *machine;
static u32 cpuid_7_edx; /* 0 but for the test that sets it: none of them has ARCH_CAPABILITIES */

static struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	ck_assert_uint_eq(subleaf, 0);
	switch (leaf) {
	case 0:
		return (struct cpuid){ .eax = 7 };
	case 1:
		return (struct cpuid){ .ecx = machine->cpuid_1_ecx };
	case 7:
		return (struct cpuid){ .ebx = machine->cpuid_7_ebx, .edx = cpuid_7_edx };
	default:
		ck_assert_uint_eq(leaf, 0x80000001);
		return (struct cpuid){ .edx = machine->cpuid_extended_edx };
	}
}

static u64 fake_rdmsr(u32 number)
{
	for (unsigned int i = 0; machine->msr[i].number; i++) {
		if (machine->msr[i].number == number)
			return machine->msr[i].value;
	}
	ck_abort_msg("#GP: %s has no MSR %x", machine->name, number);
}

static struct vmx_raw raw_of(const struct model *model)
{
	static const struct vmx_source source = { fake_cpuid, fake_rdmsr };
	struct vmx_raw raw;

	machine = model;
	memset(&raw, 0xff, sizeof(raw));
	vmx_caps_read(&raw, &source);
	return raw;
}

/* The texts of all that is missing, and how many. */
static unsigned int missing(const struct vmx_raw *raw, const char *texts[])
{
	unsigned int count = 0;

	for (unsigned int row = 0; (row = vmx_caps_missing(raw, row, &texts[count])) != 0; count++)
		ck_assert_uint_lt(count, 60);
	return count;
}

static void only_missing(const struct vmx_raw *raw, const char *word)
{
	const char *texts[64];

	ck_assert_uint_eq(missing(raw, texts), 1);
	ck_assert_msg(strstr(texts[0], word) != NULL, "\"%s\" says nothing of %s", texts[0], word);
}

/* ---- tests ---- */

START_TEST(models_lack_what_they_lack)
{
	const char *texts[64];
	struct vmx_raw raw = raw_of(&without_vmx);
	struct model model = penryn;

	only_missing(&raw, "no VT-x");
	raw = raw_of(&penryn);
	only_missing(&raw, "no EPT");
	model.msr[11].value |= (u64)SECONDARY_RDTSCP << 32; /* still no EPT_VPID_CAP to read */
	raw = raw_of(&model);
	only_missing(&raw, "no EPT");
	raw = raw_of(&nehalem);
	only_missing(&raw, "unrestricted guest");
	raw = raw_of(&sandy_bridge);
	ck_assert_uint_eq(missing(&raw, texts), 0);
	raw = raw_of(&skylake);
	ck_assert_uint_eq(missing(&raw, texts), 0);
}
END_TEST

START_TEST(firmware_lock)
{
	const char *texts[64];
	struct vmx_raw raw = raw_of(&skylake);

	raw.word[WORD_FEATURE_CONTROL] = 1;
	only_missing(&raw, "firmware");
	raw.word[WORD_FEATURE_CONTROL] = 3; /* inside SMX only */
	only_missing(&raw, "firmware");
	raw.word[WORD_FEATURE_CONTROL] = 5;
	ck_assert_uint_eq(missing(&raw, texts), 0);
	raw.word[WORD_FEATURE_CONTROL] = 4; /* not locked yet */
	ck_assert_uint_eq(missing(&raw, texts), 0);
}
END_TEST

static const enum vmx_word true_words[VMX_CONTROLS] = { WORD_TRUE_PIN, WORD_TRUE_PRIMARY,
	                                                WORD_SECONDARY, WORD_TRUE_EXIT,
	                                                WORD_TRUE_ENTRY };

static void control_words_are_legal(const struct model *model)
{
	struct vmx_raw raw = raw_of(model);
	struct vmx_caps caps;

	vmx_caps_build(&caps, &raw);
	for (unsigned int c = 0; c < VMX_CONTROLS; c++) {
		u32 must = (u32)raw.word[true_words[c]], may = (u32)(raw.word[true_words[c]] >> 32);

		ck_assert_uint_eq(caps.control[c] & must, must);
		ck_assert_uint_eq(caps.control[c] & ~may, 0);
		ck_assert_uint_eq(caps.allowed[c], may);
	}
}

START_TEST(control_words)
{
	struct vmx_raw raw = raw_of(&skylake);
	struct vmx_caps caps;
	u32 secondary;

	control_words_are_legal(&skylake);
	control_words_are_legal(&sandy_bridge);
	vmx_caps_build(&caps, &raw);
	ck_assert_uint_eq(caps.control[CONTROL_PIN], 0x16 | 0x29);
	/* exits: HLT MWAIT RDPMC CR8 MONITOR; TSC offset, bitmaps, secondary */
	ck_assert_uint_eq(caps.control[CONTROL_PRIMARY],
	                  0x04006172u | PRIMARY_HLT_EXITING | PRIMARY_MWAIT_EXITING |
	                          PRIMARY_RDPMC_EXITING | PRIMARY_CR8_LOAD_EXITING |
	                          PRIMARY_CR8_STORE_EXITING | PRIMARY_MONITOR_EXITING |
	                          PRIMARY_TSC_OFFSETTING | PRIMARY_IO_BITMAPS |
	                          PRIMARY_MSR_BITMAPS | PRIMARY_SECONDARY);
	secondary = SECONDARY_EPT | SECONDARY_UNRESTRICTED_GUEST | SECONDARY_RDTSCP |
	            SECONDARY_VPID | SECONDARY_WBINVD_EXITING | SECONDARY_INVPCID;
	ck_assert_uint_eq(caps.control[CONTROL_SECONDARY], secondary);
	ck_assert_uint_eq(caps.control[CONTROL_EXIT] & (EXIT_HOST_64 | EXIT_LOAD_EFER),
	                  EXIT_HOST_64 | EXIT_LOAD_EFER);
	ck_assert_uint_eq(caps.control[CONTROL_ENTRY] & ENTRY_GUEST_64, 0);
	ck_assert(vmx_caps_offers(&caps, CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPTS));
	ck_assert(vmx_caps_offers(&caps, CONTROL_PIN, PIN_POSTED_INTERRUPTS));
	raw = raw_of(&sandy_bridge);
	vmx_caps_build(&caps, &raw);
	ck_assert_uint_eq(caps.control[CONTROL_SECONDARY], secondary & ~SECONDARY_INVPCID);
	ck_assert(!vmx_caps_offers(&caps, CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPTS));
	ck_assert(!vmx_caps_offers(&caps, CONTROL_SECONDARY,
	                           SECONDARY_APIC_ACCESSES | SECONDARY_APIC_REGISTERS));
}
END_TEST

START_TEST(derived_values)
{
	struct vmx_raw raw = raw_of(&skylake);
	struct vmx_caps caps;

	vmx_caps_build(&caps, &raw);
	ck_assert_uint_eq(caps.revision, 4);
	ck_assert_uint_eq(caps.timer_shift, 7);
	ck_assert_uint_eq(caps.eptp_flags, 6 | 3 << 3 | 1 << 6);
	ck_assert_uint_eq(caps.ept_largest, 2);
	ck_assert_uint_eq(caps.invvpid_type, INVVPID_SINGLE_CONTEXT);
	ck_assert(caps.ept_accessed_dirty && caps.activity_hlt);
	ck_assert_uint_eq(caps.cr0_set, 0x80000021);
	ck_assert_uint_eq(caps.guest_cr0_set, CR0_NE);
	ck_assert_uint_eq(vmx_caps_guest_cr0(&caps, CR0_PE | BIT(40)), CR0_PE | CR0_NE);
	ck_assert_uint_eq(vmx_caps_guest_cr4(&caps, CR4_PAE | CR4_LA57),
	                  CR4_PAE | CR4_VMXE | CR4_MCE);
	ck_assert_uint_eq(caps.tertiary_allowed, 0);
	raw = raw_of(&sandy_bridge);
	vmx_caps_build(&caps, &raw);
	ck_assert_uint_eq(caps.eptp_flags, 6 | 3 << 3);
	ck_assert_uint_eq(caps.ept_largest, 1);
	ck_assert_uint_eq(caps.timer_shift, 5);
}
END_TEST

/* VPIDs are used only where what they make necessary can be done (SDM 3D A.10). */
START_TEST(vpids_want_invvpid)
{
	static const struct {
		u64 without; /* of IA32_VMX_EPT_VPID_CAP */
		u8 type;
	} rows[] = {
		{ 0, INVVPID_SINGLE_CONTEXT },
		{ BIT(40) | BIT(43), INVVPID_SINGLE_CONTEXT },
		{ BIT(41), INVVPID_ALL_CONTEXTS },
		{ BIT(41) | BIT(42), 0 },
		{ BIT(32), 0 },
	};
	struct vmx_caps caps;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmx_raw raw = raw_of(&skylake);

		raw.word[WORD_EPT_VPID] &= ~rows[i].without;
		vmx_caps_build(&caps, &raw);
		ck_assert_uint_eq(caps.invvpid_type, rows[i].type);
		ck_assert_uint_eq(caps.control[CONTROL_SECONDARY] & SECONDARY_VPID,
		                  rows[i].type != 0 ? SECONDARY_VPID : 0);
		raw.word[WORD_SECONDARY] &= ~((u64)SECONDARY_VPID << 32);
		vmx_caps_build(&caps, &raw);
		ck_assert_uint_eq(caps.invvpid_type, 0);
	}
}
END_TEST

START_TEST(itlb_multihit_unless_said_otherwise)
{
	struct model model = skylake;
	struct vmx_raw raw = raw_of(&model);
	struct vmx_caps caps;

	vmx_caps_build(&caps, &raw);
	ck_assert(caps.itlb_multihit);
	cpuid_7_edx = BIT32(29); /* the MSR is there, and says nothing of it */
	model.msr[17] = (struct msr){ 0x10a, ~BIT(6) }; /* PSCHANGE_MC_NO */
	raw = raw_of(&model);
	vmx_caps_build(&caps, &raw);
	ck_assert(caps.itlb_multihit);
	model.msr[17].value = BIT(6);
	raw = raw_of(&model);
	vmx_caps_build(&caps, &raw);
	ck_assert(!caps.itlb_multihit);
}
END_TEST

START_TEST(tertiary_word_is_read_where_it_is)
{
	struct model model = skylake;
	struct vmx_caps caps;
	struct vmx_raw raw;

	model.msr[3].value |= (u64)PRIMARY_TERTIARY << 32;
	model.msr[17] = (struct msr){ 0x492, TERTIARY_IPI_VIRTUALIZATION };
	raw = raw_of(&model);
	vmx_caps_build(&caps, &raw);
	ck_assert_uint_eq(caps.tertiary_allowed, TERTIARY_IPI_VIRTUALIZATION);
}
END_TEST

/* Whatever bits a processor reports: words are legal or something is missing, and nothing is lost.
 */
START_TEST(hostile_combinations)
{
	static const enum vmx_word words[] = { WORD_TRUE_PIN, WORD_TRUE_PRIMARY, WORD_SECONDARY,
		                               WORD_TRUE_EXIT, WORD_TRUE_ENTRY };
	struct vmx_raw good = raw_of(&skylake);
	struct vmx_caps caps, was;
	const char *texts[64];

	vmx_caps_build(&was, &good);
	for (unsigned int c = 0; c < ARRAY_SIZE(words); c++) {
		for (unsigned int bit = 0; bit < 64; bit++) {
			struct vmx_raw raw = good;
			u32 must, used;
			bool complaint;

			raw.word[words[c]] ^= BIT(bit);
			vmx_caps_build(&caps, &raw);
			complaint = missing(&raw, texts) > 0;
			must = (u32)raw.word[words[c]];
			used = caps.control[c];
			ck_assert_uint_eq(used & must, must);
			if (complaint)
				continue;
			/* No complaint: what we set stays set, apart from what is only wanted. */
			used ^= was.control[c];
			used &= ~(must ^ (u32)good.word[words[c]]); /* what is insisted on */
			if (c == CONTROL_SECONDARY)
				used &= ~(SECONDARY_RDTSCP | SECONDARY_VPID | SECONDARY_INVPCID |
				          SECONDARY_WBINVD_EXITING);
			ck_assert_msg(used == 0, "control %u bit %u: %x", c, bit, used);
		}
	}
}
END_TEST

/* Each bit that Tapvisor relies on, taken away alone, is missed by name. */
START_TEST(each_required_bit_is_missed)
{
	static const struct {
		enum vmx_word word;
		u64 flip;
		const char *text;
	} rows[] = {
		{ WORD_SECONDARY, BIT(32 + 1), "EPT" },
		{ WORD_SECONDARY, BIT(32 + 7), "unrestricted guest" },
		{ WORD_TRUE_PRIMARY, BIT(63), "EPT" },
		{ WORD_EPT_VPID, BIT(6), "4-level" },
		{ WORD_EPT_VPID, BIT(14), "write-back" },
		{ WORD_EPT_VPID, BIT(20), "INVEPT" },
		{ WORD_EPT_VPID, BIT(26), "INVEPT" },
		{ WORD_BASIC, BIT(50), "write-back" },
		{ WORD_CPUID_EXTENDED_EDX, BIT(29), "64-bit" },
		{ WORD_CPUID_EXTENDED_EDX, BIT(20), "NX" },
		{ WORD_TRUE_PIN, BIT(32), "external-interrupt" },
		{ WORD_TRUE_PIN, BIT(32 + 3), "NMI exiting" },
		{ WORD_TRUE_PIN, BIT(32 + 5), "virtual NMIs" },
		{ WORD_TRUE_PRIMARY, BIT(32 + 3), "TSC offsetting" },
		{ WORD_TRUE_PRIMARY, BIT(32 + 7), "HLT" },
		{ WORD_TRUE_PRIMARY, BIT(32 + 28), "MSR bitmaps" },
		{ WORD_TRUE_PRIMARY, BIT(32 + 25), "I/O bitmaps" },
		{ WORD_TRUE_PRIMARY, BIT(15), "CR3-load" },
		{ WORD_TRUE_PRIMARY, BIT(16), "CR3-store" },
		{ WORD_TRUE_PRIMARY, BIT(2), "interrupt-window" },
		{ WORD_TRUE_PRIMARY, BIT(12), "RDTSC" },
		{ WORD_TRUE_EXIT, BIT(32 + 9), "host address-space" },
		{ WORD_TRUE_EXIT, BIT(32 + 15), "acknowledge" },
		{ WORD_TRUE_EXIT, BIT(32 + 21), "load IA32_EFER" },
		{ WORD_TRUE_EXIT, BIT(32 + 19), "load IA32_PAT" },
		{ WORD_TRUE_ENTRY, BIT(32 + 15), "IA32_EFER at entry" },
		{ WORD_TRUE_ENTRY, BIT(9), "IA-32e" },
		{ WORD_SECONDARY, BIT(0), "secondary control" },
		{ WORD_SECONDARY, BIT(25), "secondary control" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmx_raw raw = raw_of(&skylake);

		raw.word[rows[i].word] ^= rows[i].flip;
		only_missing(&raw, rows[i].text);
	}
}
END_TEST

START_TEST(differing_cores_are_named)
{
	struct vmx_raw a = raw_of(&skylake), b = a;

	ck_assert_ptr_null(vmx_caps_difference(&a, &b));
	b.word[WORD_FEATURE_CONTROL] = 5;    /* one is locked, the other not: no matter */
	b.word[WORD_CPUID_1_ECX] ^= BIT(27); /* OSXSAVE tells of the core's state */
	b.word[WORD_CPUID_1_EDX] ^= BIT(9);
	ck_assert_ptr_null(vmx_caps_difference(&a, &b));
	b.word[WORD_SECONDARY] ^= BIT(40);
	ck_assert_str_eq(vmx_caps_difference(&a, &b), "IA32_VMX_PROCBASED_CTLS2");
	b = a;
	b.word[WORD_CPUID_7_EBX] ^= 1;
	ck_assert_str_eq(vmx_caps_difference(&b, &a), "CPUID.7:EBX");
	for (unsigned int i = 0; i < VMX_WORDS; i++) {
		b = a;
		b.word[i] ^= ~0ull;
		ck_assert((vmx_caps_difference(&a, &b) != NULL) == (i != WORD_FEATURE_CONTROL));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_caps");
	TCase *tests = tcase_create("caps");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, models_lack_what_they_lack);
	tcase_add_test(tests, firmware_lock);
	tcase_add_test(tests, control_words);
	tcase_add_test(tests, derived_values);
	tcase_add_test(tests, vpids_want_invvpid);
	tcase_add_test(tests, itlb_multihit_unless_said_otherwise);
	tcase_add_test(tests, tertiary_word_is_read_where_it_is);
	tcase_add_test(tests, hostile_combinations);
	tcase_add_test(tests, each_required_bit_is_missed);
	tcase_add_test(tests, differing_cores_are_named);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
