/* SPDX-License-Identifier: MIT */
/* VMCS field encodings, exit reasons and exit qualifications: their shape, and samples by number.
 */
#include "vmx/fields.h"
#include "vmx/qualification.h"
#include "vmx/reasons.h"

#include "hv/abi/counters.h"
#include "hv/base/x86.h"

#include <check.h>
#include <stdlib.h>

static_assert(VMX_EXIT_REASONS <= EXIT_REASONS, "counters have a row for each reason");

START_TEST(widths_are_in_the_encoding)
{
	VMCS_CHECK_WIDTH(VMCS_GUEST_RIP, VMCS_NATURAL);
	VMCS_CHECK_WIDTH(VMCS_GUEST_EFER, VMCS_64);
	VMCS_CHECK_WIDTH(VMCS_EXIT_REASON, VMCS_32);
	VMCS_CHECK_WIDTH(VMCS_GUEST_CS, VMCS_16);
	ck_assert_uint_eq(VMCS_WIDTH(0x6c16u), VMCS_NATURAL);
	ck_assert_uint_eq(VMCS_TYPE(VMCS_EXIT_REASON), VMCS_TYPE_READ_ONLY);
	ck_assert_uint_eq(VMCS_TYPE(VMCS_GUEST_PHYSICAL_ADDRESS), VMCS_TYPE_READ_ONLY);
	ck_assert_uint_eq(VMCS_TYPE(VMCS_HOST_RIP), 3);
}
END_TEST

START_TEST(segments_lie_two_apart)
{
	ck_assert_uint_eq(VMCS_SEGMENT(VMCS_GUEST_ES, SEG_TR), VMCS_GUEST_TR);
	ck_assert_uint_eq(VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, SEG_SS), VMCS_GUEST_SS_LIMIT);
	ck_assert_uint_eq(VMCS_SEGMENT(VMCS_GUEST_ES_ACCESS, SEG_CS), VMCS_GUEST_CS_ACCESS);
	ck_assert_uint_eq(VMCS_SEGMENT(VMCS_GUEST_ES_BASE, SEG_LDTR), VMCS_GUEST_LDTR_BASE);
}
END_TEST

START_TEST(reasons_by_number)
{
	ck_assert_uint_eq(VMX_EXIT_CPUID, 10);
	ck_assert_uint_eq(VMX_EXIT_WRMSR, 32);
	ck_assert_uint_eq(VMX_EXIT_APIC_ACCESS, 44);
	ck_assert_uint_eq(VMX_EXIT_EPT_VIOLATION, 48);
	ck_assert_uint_eq(VMX_EXIT_PREEMPTION_TIMER, 52);
	ck_assert_uint_eq(VMX_EXIT_APIC_WRITE, 56);
	ck_assert_uint_eq(VMX_EXIT_XRSTORS, 64);
	ck_assert_uint_eq(VMX_EXIT_BUS_LOCK, 74);
}
END_TEST

START_TEST(io)
{
	struct io_access a = io_access_of(0x03f80000 | BIT(6)), b = io_access_of(0xffff003b);

	ck_assert(a.port == 0x3f8 && a.size == 1 && !a.in && !a.string && !a.repeat);
	ck_assert(b.port == 0xffff && b.size == 4 && b.in && b.string && b.repeat);
	ck_assert_uint_eq(io_access_of(1).size, 2);
}
END_TEST

START_TEST(control_registers)
{
	struct cr_access mov = cr_access_of(0x904), lmsw = cr_access_of(0x12340030);

	ck_assert(mov.number == 4 && mov.type == CR_ACCESS_TO_CR && mov.reg == 9);
	ck_assert(cr_access_of(0x18).type == CR_ACCESS_FROM_CR && cr_access_of(0x18).number == 8);
	ck_assert(lmsw.type == CR_ACCESS_LMSW && lmsw.lmsw == 0x1234);
	ck_assert_uint_eq(cr_access_of(0x20).type, CR_ACCESS_CLTS);
	ck_assert_uint_eq(cr0_after_lmsw(CR0_PG | CR0_TS | CR0_PE, 0), CR0_PG | CR0_PE);
	ck_assert_uint_eq(cr0_after_lmsw(CR0_ET, 0xffff), CR0_ET | 0xf);
}
END_TEST

START_TEST(memory)
{
	struct ept_access store = ept_access_of(0x182), walk = ept_access_of(0x83);
	struct ept_access fetch = ept_access_of(0x1ac);

	ck_assert(store.write && !store.read && !store.fetch);
	ck_assert(store.linear && store.translated);
	ck_assert(walk.read && walk.write && walk.linear && !walk.translated);
	ck_assert(fetch.fetch);
	ck_assert(!ept_access_of(0x100).translated && !ept_access_of(0x100).linear);
	ck_assert_uint_eq(apic_access_of(0x1300).offset, 0x300);
	ck_assert_uint_eq(apic_access_of(0x1300).type, APIC_ACCESS_LINEAR_WRITE);
	ck_assert_uint_eq(apic_access_of(0xf0b0).type, APIC_ACCESS_PHYSICAL_OTHER);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_names");
	TCase *tests = tcase_create("names");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, widths_are_in_the_encoding);
	tcase_add_test(tests, segments_lie_two_apart);
	tcase_add_test(tests, reasons_by_number);
	tcase_add_test(tests, io);
	tcase_add_test(tests, control_registers);
	tcase_add_test(tests, memory);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
