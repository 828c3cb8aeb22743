/* SPDX-License-Identifier: MIT */
/* A fault of ours while the processor was delivering something: SDM 3A 7.15. */
#include "tests/unit/vmx_entry.h"

enum fault_class { BENIGN, CONTRIBUTES, PAGE_FAULT };

static enum fault_class class_of(u32 vector)
{
	switch (vector) {
	case 0:  /* #DE */
	case 10: /* #TS */
	case 11: /* #NP */
	case 12: /* #SS */
	case 13: /* #GP */
	case 21: /* #CP */
		return CONTRIBUTES;
	case 14: /* #PF */
	case 20: /* #VE */
		return PAGE_FAULT;
	default:
		return BENIGN;
	}
}

/* Table 7-5: rows are the first, columns the second. */
static const bool double_fault[3][3] = {
	[BENIGN] = { false, false, false },
	[CONTRIBUTES] = { false, true, false },
	[PAGE_FAULT] = { false, true, true },
};

START_TEST(faults_while_delivering)
{
	static const u32 second[] = { 1, 6, 13, 14, 17 }; /* ours */

	for (u32 first = 0; first < 32 * ARRAY_SIZE(second); first++) {
		u32 vector = first / ARRAY_SIZE(second), ours = second[first % ARRAY_SIZE(second)];
		bool merges = double_fault[class_of(vector)][class_of(ours)];
		u32 want = merges ? 8 : ours;

		if (vector == 2 || vector == 8)
			continue;
		set_fields(0, true);
		exit_while_delivering((struct event){ 0x80000300 | vector, 0, 0 });
		vmx_inject_fault(&vcpu, (enum exception_vector)ours, 0x77);
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_FAULT);
		ck_assert(
			same(prepared(),
		             (struct event){ 0x80000300 | want | (has_error_code(want) ? 0x800 : 0),
		                             !has_error_code(want) ? 0
		                             : merges              ? 0
		                                                   : 0x77,
		                             0 }));
		fake_set(VMCS_ENTRY_INTERRUPTION_INFO, 0);
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_NOTHING);
	}
}
END_TEST

static void fault(struct event e)
{
	vmx_inject_fault(&vcpu, (enum exception_vector)(e.info & 0xff), e.error);
}

/* A fault in the delivery of anything takes its place: #AC, as guests can make it. */
START_TEST(a_fault_takes_the_place)
{
	for (u32 i = 1; i < ARRAY_SIZE(vectoring); i++) {
		bool nmi = (vectoring[i].info & 0x700) == 0x200;

		set_fields(nmi ? 8 : 0, true);
		exit_while_delivering(vectoring[i]);
		fault((struct event){ 0x80000b11, 0, 0 });
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_FAULT);
		ck_assert_uint_eq(prepared().info, 0x80000b11);
		ck_assert_uint_eq(vcpu.pending, UPPER);
		ck_assert(NMI == nmi); /* until the IRET of the fault's handler */
		fake_set(VMCS_ENTRY_INTERRUPTION_INFO, 0);
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_NOTHING);
	}
}
END_TEST

/* INT 13 is no #GP: only exceptions merge. */
START_TEST(numbers_do_not_merge)
{
	static const u32 types[] = { 0, 4, 5, 6 };

	for (u32 i = 0; i < ARRAY_SIZE(types) * 32; i++) {
		set_fields(0, true);
		exit_while_delivering(
			(struct event){ 0x80000000 | types[i / 32] << 8 | i % 32, 0, 2 });
		fault((struct event){ 0x80000b0d, 0x18, 0 });
		ck_assert_int_eq(vmx_inject(&vcpu, -1), INJECTED_FAULT);
		ck_assert(same(prepared(), (struct event){ 0x80000b0d, 0x18, 0 }));
	}
}
END_TEST

UNIT_MAIN("vmx_fault", 4, { faults_while_delivering, 1 }, { a_fault_takes_the_place, 1 },
          { numbers_do_not_merge, 1 })
