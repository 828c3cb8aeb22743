/* SPDX-License-Identifier: MIT */
/* The guest's CPUID: from a host that reports every bit, from one that reports none, from a real
 * one. */
#include "vmx/cpuid.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- hosts ---- */

static u32 fill, top_basic, top_extended;

static struct cpuid uniform(u32 leaf, u32 subleaf)
{
	(void)subleaf;
	if (leaf == 0)
		return (struct cpuid){ top_basic, fill, fill, fill };
	if (leaf == 0x80000000)
		return (struct cpuid){ .eax = top_extended };
	ck_assert(leaf <= top_basic || (leaf >= 0x80000000 && leaf <= top_extended));
	if (leaf == 4 && subleaf > 3)
		return (struct cpuid){ 0 };
	if (leaf == 0x80000008)
		return (struct cpuid){ .eax = 0x3027 };
	if (leaf == 0xd && subleaf > 1) /* 72 bytes, 128 apart; odd ones are aligned */
		return (struct cpuid){ 72, 576 + 128 * (subleaf - 2), (subleaf & 1) << 1, 0 };
	return (struct cpuid){ fill, fill, fill, fill };
}

static struct cpuid_table table;

static struct cpuid_config config(void)
{
	return (struct cpuid_config){
		.host = uniform,
		.vcpus = 6,
		.x2apic = true,
		.rdtscp = true,
		.invpcid = true,
		.tsc_hz = 2500000000,
		.xcr0 = 0xe7,
		.kvm = true,
		.tap = true,
		.kvm_features = 0xabc,
		.tap_features = 5,
		.counters = COUNTERS_GPA,
		.counters_stride = 0x8000,
	};
}

static void every_bit(void)
{
	fill = ~0u, top_basic = 0x1f, top_extended = 0x80000008;
}

static void no_bit(void)
{
	fill = 0, top_basic = 1, top_extended = 0;
}

static struct cpuid value_of(u32 leaf, u32 subleaf)
{
	return cpuid_find(&table, leaf, subleaf)->value;
}

static void build(void (*host)(void), struct cpuid_config c)
{
	host();
	cpuid_build(&table, &c);
}

/* ---- tests ---- */

/* What a guest must never see, be the host what it may. */
START_TEST(hidden_features)
{
	struct cpuid one, seven, extended;

	build(every_bit, config());
	one = value_of(1, 0);
	/* DTES64 MONITOR DS-CPL VMX SMX EIST TM2 CNXT-ID SDBG xTPR PDCM DCA OSXSAVE */
	ck_assert_uint_eq(one.ecx & 0x0804cdfcu, 0);
	ck_assert_uint_eq(one.ecx & BIT32(27), 0);
	/* PSN DS ACPI TM PBE; APIC is patched in */
	ck_assert_uint_eq(one.edx & (BIT32(18) | BIT32(21) | BIT32(22) | BIT32(29) | BIT32(31)), 0);
	ck_assert_uint_eq(one.edx & BIT32(9), 0);
	seven = value_of(7, 0);
	/* SGX HLE RTM PQM MPX RDT PT */
	ck_assert_uint_eq(seven.ebx & (BIT32(2) | BIT32(4) | BIT32(11) | BIT32(12) | BIT32(14) |
	                               BIT32(15) | BIT32(25)),
	                  0);
	/* PKU OSPKE WAITPKG CET TME LA57 KL ENQCMD PKS */
	ck_assert_uint_eq(seven.ecx & (BIT32(3) | BIT32(4) | BIT32(5) | BIT32(7) | BIT32(13) |
	                               BIT32(16) | BIT32(23) | BIT32(29) | BIT32(31)),
	                  0);
	/* UINTR IBRS STIBP L1D ARCH_CAPABILITIES SSBD */
	ck_assert_uint_eq(seven.edx & (BIT32(5) | BITS(31, 26)), 0);
	ck_assert_uint_eq(value_of(0xd, 1).eax, 7); /* no XSAVES */
	extended = value_of(0x80000001, 0);
	ck_assert_uint_eq(extended.ecx, 0x121);
	ck_assert_uint_eq(extended.edx, BIT32(11) | BIT32(20) | BIT32(26) | BIT32(27) | BIT32(29));
}
END_TEST

/* Leaves that no row names are all zero. */
START_TEST(leaves_without_rows)
{
	static const u32 leaves[] = { 3,          5,          8,          9,          0xc,
		                      0xe,        0xf,        0x10,       0x11,       0x12,
		                      0x13,       0x14,       0x17,       0x18,       0x19,
		                      0x1a,       0x1e,       0x80000005, 0x40000002, 0x40000003,
		                      0x400000ff, 0x40000103, 0x40000104, 0x40000200, 0x4fffffff };
	static const struct cpuid zero;

	build(every_bit, config());
	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		const struct cpuid_row *row = cpuid_find(&table, leaves[i], 0);

		ck_assert_msg(!memcmp(&row->value, &zero, sizeof(zero)) && !row->patch, "%x",
		              leaves[i]);
	}
}
END_TEST

START_TEST(set_whatever_the_host_says)
{
	build(no_bit, config());
	ck_assert_uint_eq(value_of(0, 0).eax, 0x1f);
	/* TSC deadline, hypervisor, x2APIC */
	ck_assert_uint_eq(value_of(1, 0).ecx, BIT32(24) | BIT32(31) | BIT32(21));
	ck_assert_uint_eq(value_of(1, 0).edx, BIT32(28));
	ck_assert_uint_eq(value_of(6, 0).eax, 4);
	/* Two counters of 48 bits, version 1; of the seven events, 0 and 2. */
	ck_assert_uint_eq(value_of(0xa, 0).eax, 0x07300201);
	ck_assert_uint_eq(value_of(0xa, 0).ebx, 0x7a);
	ck_assert_uint_eq(value_of(7, 0).ebx, BIT32(1)); /* TSC_ADJUST */
	ck_assert_uint_eq(value_of(0x80000000, 0).eax, 0x80000008);
	ck_assert_uint_eq(value_of(0x80000001, 0).edx, BIT32(11));
	ck_assert_uint_eq(value_of(0x80000008, 0).eax, 0x3024); /* 36 bits, where none are told */
	ck_assert_uint_eq(table.physical_mask, BITS(35, 0));
	ck_assert_uint_eq(value_of(7, 0).eax, 0);
}
END_TEST

START_TEST(features_follow_the_configuration)
{
	struct cpuid_config c = config();

	build(every_bit, c);
	ck_assert(value_of(1, 0).ecx & BIT32(26) && value_of(1, 0).ecx & BIT32(28));
	ck_assert(value_of(7, 0).ebx & BIT32(16) && value_of(7, 0).ebx & BIT32(10));
	c.xcr0 = 7;
	build(every_bit, c);
	ck_assert(value_of(1, 0).ecx & BIT32(28) && value_of(7, 0).ebx & BIT32(5));
	ck_assert(!(value_of(7, 0).ebx & BIT32(16)) && !(value_of(7, 0).ecx & BIT32(11)));
	c.xcr0 = 3;
	build(every_bit, c);
	ck_assert(value_of(1, 0).ecx & BIT32(26));
	ck_assert(!(value_of(1, 0).ecx & (BIT32(28) | BIT32(12))) &&
	          !(value_of(7, 0).ebx & BIT32(5)));
	c.xcr0 = 0;
	c.x2apic = c.rdtscp = c.invpcid = false;
	c.vcpus = 1;
	build(every_bit, c);
	ck_assert(!(value_of(1, 0).ecx & (BIT32(26) | BIT32(21))));
	ck_assert(!(value_of(1, 0).edx & BIT32(28)));
	ck_assert(!(value_of(7, 0).ebx & BIT32(10)) && !(value_of(7, 0).ecx & BIT32(22)));
	ck_assert(!(value_of(0x80000001, 0).edx & BIT32(27)));
	ck_assert_uint_eq(value_of(0xd, 0).eax, 0);
	ck_assert_uint_eq(value_of(0xd, 1).eax, 0);
}
END_TEST

static struct cpuid patched(u32 leaf, u32 subleaf, struct cpuid_vcpu vcpu)
{
	const struct cpuid_row *row = cpuid_find(&table, leaf, subleaf);
	struct cpuid value = row->value;

	cpuid_patch(&table, row, subleaf, &vcpu, &value);
	return value;
}

START_TEST(vcpus_have_ids_and_state)
{
	struct cpuid_vcpu vcpu = { .apic_id = 5, .apic_enabled = true, .cr4 = CR4_OSXSAVE };
	struct cpuid value;

	build(every_bit, config());
	value = patched(1, 0, vcpu);
	ck_assert_uint_eq(value.ebx >> 16, 5 << 8 | 8); /* 6 vCPUs: 8 IDs */
	ck_assert(value.ecx & BIT32(27) && value.edx & BIT32(9));
	vcpu = (struct cpuid_vcpu){ .apic_id = 5 };
	value = patched(1, 0, vcpu);
	ck_assert(!(value.ecx & BIT32(27)) && !(value.edx & BIT32(9)));
}
END_TEST

START_TEST(topology)
{
	static const u32 leaves[] = { 0xb, 0x1f };
	struct cpuid_vcpu vcpu = { .apic_id = 0x305 };

	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct cpuid_config c = config();
		struct cpuid v;

		build(every_bit, c);
		v = patched(leaves[i], 0, vcpu);
		ck_assert(v.eax == 0 && v.ebx == 1 && v.ecx == 0x100 && v.edx == 0x305);
		v = patched(leaves[i], 1, vcpu);
		ck_assert(v.eax == 3 && v.ebx == 6 && v.ecx == 0x201 && v.edx == 0x305);
		v = patched(leaves[i], 2, vcpu);
		ck_assert(v.eax == 0 && v.ebx == 0 && v.ecx == 2 && v.edx == 0x305);
		v = patched(leaves[i], 0xffffff07, vcpu);
		ck_assert(v.ecx == 7 && v.edx == 0x305);
		c.vcpus = 1;
		build(every_bit, c);
		ck_assert(value_of(leaves[i], 1).eax == 0 && value_of(leaves[i], 1).ebx == 1);
		c.vcpus = 256;
		build(every_bit, c);
		ck_assert_uint_eq(value_of(leaves[i], 1).eax, 8);
		ck_assert_uint_eq(value_of(1, 0).ebx >> 16 & 0xff, 255);
	}
}
END_TEST

START_TEST(caches_are_shared_as_the_topology_says)
{
	struct cpuid v;

	build(every_bit, config()); /* its caches are of level 7 */
	v = value_of(4, 3);
	ck_assert_uint_eq(v.eax >> 26, 7);
	ck_assert_uint_eq(v.eax >> 14 & 0xfff, 7);
	v = value_of(4, 4);
	ck_assert_uint_eq(v.eax, 0);
	ck_assert_uint_eq(value_of(4, ~0u).eax, 0);
}
END_TEST

START_TEST(xsave_sizes)
{
	struct cpuid_vcpu vcpu = { .xcr0 = 3 };

	build(every_bit, config());
	ck_assert_uint_eq(value_of(0xd, 0).eax, 0xe7);
	ck_assert_uint_eq(value_of(0xd, 0).ecx, 576 + 128 * 5 + 72); /* component 7 */
	ck_assert_uint_eq(patched(0xd, 0, vcpu).ebx, 576);
	vcpu.xcr0 = 7;
	ck_assert_uint_eq(patched(0xd, 0, vcpu).ebx, 648);
	vcpu.xcr0 = 0xe7;
	ck_assert_uint_eq(patched(0xd, 0, vcpu).ebx, 576 + 128 * 5 + 72);
	ck_assert_uint_eq(patched(0xd, 1, vcpu).ebx, 968);
	vcpu.xcr0 = 0x83;
	ck_assert_uint_eq(patched(0xd, 1, vcpu).ebx, 648);
	ck_assert_uint_eq(value_of(0xd, 5).ebx, 576 + 128 * 3);
	ck_assert_uint_eq(value_of(0xd, 3).eax, 0); /* not the guest's */
	ck_assert_uint_eq(value_of(0xd, 64).eax, 0);
	vcpu.xcr0 = ~0ull; /* never asked for, but it ends */
	(void)patched(0xd, 0, vcpu);
	(void)patched(0xd, 1, vcpu);
}
END_TEST

START_TEST(clock_rate)
{
	static const u64 rates[] = { 5000000,    1000000000, 2500000000, 4294967295,
		                     4294967296, 5000000001, 9000000000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		struct cpuid_config c = config();
		struct cpuid v;
		u64 told;

		c.tsc_hz = rates[i];
		build(every_bit, c);
		v = value_of(0x15, 0);
		told = (u64)v.ecx * v.ebx / v.eax;
		ck_assert(v.eax == 1 && told <= rates[i] && rates[i] - told < 4);
		ck_assert(rates[i] > 0xffffffff || v.ebx == 1);
		ck_assert_uint_eq(value_of(0x16, 0).eax, rates[i] / 1000000);
	}
}
END_TEST

START_TEST(hypervisor_leaves)
{
	struct cpuid_config c = config();

	build(every_bit, c);
	ck_assert_uint_eq(value_of(0x40000000, 0).eax, 0x40000001);
	ck_assert_mem_eq(&table.hypervisor[0][0].value.ebx, "KVMKVMKVM\0\0\0", 12);
	ck_assert_uint_eq(value_of(0x40000001, 0).eax, 0xabc);
	ck_assert_uint_eq(value_of(0x40000100, 7).eax, CPUID_TAP_COUNTERS);
	ck_assert_mem_eq(&table.hypervisor[1][0].value.ebx, "TAPVISOR IPI", 12);
	ck_assert(value_of(0x40000101, 0).eax == 5 && value_of(0x40000101, 0).ebx == 6);
	ck_assert(value_of(0x40000102, 0).eax == COUNTERS_GPA &&
	          value_of(0x40000102, 0).ecx == 0x8000);
	c.kvm = false;
	c.counters = 0;
	build(every_bit, c);
	ck_assert(value_of(0x40000000, 0).eax == 0 && value_of(0x40000000, 0).ebx == 0);
	ck_assert_uint_eq(value_of(0x40000001, 0).eax, 0);
	ck_assert(value_of(0x40000102, 0).eax == 0 && value_of(0x40000102, 0).ecx == 0);
}
END_TEST

/* Above the highest basic and the highest extended leaf, the highest basic leaf answers. */
START_TEST(out_of_range)
{
	static const u32 leaves[] = { 0x20,       0x3fffffff, 0x50000000, 0x7fffffff,
		                      0x80000009, 0xc0000000, ~0u };

	build(every_bit, config());
	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		for (u32 sub = 0; sub < 3; sub++)
			ck_assert_ptr_eq(cpuid_find(&table, leaves[i], sub),
			                 cpuid_find(&table, 0x1f, sub));
	}
}
END_TEST

START_TEST(cr4_follows_features)
{
	struct cpuid_config c = config();

	build(every_bit, c);
	ck_assert_uint_eq(table.cr4, BITS(11, 0) | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE |
	                                     CR4_SMEP | CR4_SMAP);
	c.xcr0 = 0;
	build(every_bit, c);
	ck_assert(!(table.cr4 & CR4_OSXSAVE));
	build(no_bit, c);
	ck_assert_uint_eq(table.cr4, CR4_PCE);
}
END_TEST

/* A host with few leaves is not asked for others, whose answer would be another leaf's. */
START_TEST(short_hosts)
{
	fill = ~0u;
	top_basic = 4;
	top_extended = 0x80000001;
	for (; top_basic < 0x20; top_basic++) {
		struct cpuid_config c = config();

		cpuid_build(&table, &c);
		ck_assert((value_of(7, 0).ebx != BIT32(1)) == (top_basic >= 7));
		ck_assert((value_of(0xd, 2).eax != 0) == (top_basic >= 0xd));
	}
	ck_assert_uint_eq(value_of(0x80000007, 0).edx, 0);
}
END_TEST

/* This machine: the guest's features are a subset of it, apart from those that are ours. */
START_TEST(real_host)
{
	struct cpuid_config c = config();
	struct cpuid one = cpuid(1);

	c.host = cpuid_sub;
	c.xcr0 = 7;
	cpuid_build(&table, &c);
	ck_assert_uint_eq(value_of(1, 0).ecx & ~one.ecx & ~(BIT32(21) | BIT32(24) | BIT32(31)), 0);
	ck_assert_uint_eq(value_of(1, 0).edx & ~one.edx & ~BIT32(28), 0);
	ck_assert_uint_eq(value_of(1, 0).eax, one.eax);
	ck_assert(value_of(0x80000001, 0).edx & BIT32(29));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_cpuid");
	TCase *tests = tcase_create("cpuid");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, hidden_features);
	tcase_add_test(tests, leaves_without_rows);
	tcase_add_test(tests, set_whatever_the_host_says);
	tcase_add_test(tests, features_follow_the_configuration);
	tcase_add_test(tests, vcpus_have_ids_and_state);
	tcase_add_test(tests, topology);
	tcase_add_test(tests, caches_are_shared_as_the_topology_says);
	tcase_add_test(tests, xsave_sizes);
	tcase_add_test(tests, clock_rate);
	tcase_add_test(tests, hypervisor_leaves);
	tcase_add_test(tests, out_of_range);
	tcase_add_test(tests, cr4_follows_features);
	tcase_add_test(tests, short_hosts);
	tcase_add_test(tests, real_host);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
