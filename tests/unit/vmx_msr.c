/* SPDX-License-Identifier: MIT */
/* Every row of the MSR table, every bit of the MSR bitmap. */
#include "vmx/msr.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(rows_are_sorted_and_found)
{
	for (unsigned int i = 0; i < msr_row_count; i++) {
		ck_assert(i == 0 || msr_rows[i - 1].number < msr_rows[i].number);
		ck_assert_ptr_eq(msr_find(msr_rows[i].number), &msr_rows[i]);
		ck_assert_uint_gt(strlen(msr_rows[i].name), 4);
	}
}
END_TEST

static bool has_row(u32 number)
{
	for (unsigned int i = 0; i < msr_row_count; i++) {
		if (msr_rows[i].number == number)
			return true;
	}
	return false;
}

START_TEST(what_has_no_row_faults)
{
	struct msr_file file;
	u64 value;

	msr_reset(&file);
	for (u64 n = 0; n < 0x4000; n++) {
		u32 number = (u32)(n < 0x2000 ? n : 0xc0000000u + n - 0x2000);

		ck_assert((msr_find(number) != NULL) == has_row(number));
		if (has_row(number))
			continue;
		ck_assert_int_eq(msr_read(&file, number, &value), MSR_FAULT);
		ck_assert_int_eq(msr_write(&file, number, 0), MSR_FAULT);
	}
	ck_assert_ptr_null(msr_find(0xffffffff));
	ck_assert_ptr_null(msr_find(0x480)); /* no VMX for guests */
	for (u32 number = 0x800; number < 0x900; number++)
		ck_assert_ptr_null(msr_find(number));
}
END_TEST

START_TEST(kept_ones_keep_what_may_be_written)
{
	struct msr_file file;
	u64 used = 0, value;

	memset(&file, 0xff, sizeof(file));
	msr_reset(&file);
	for (unsigned int i = 0; i < msr_row_count; i++) {
		const struct msr_row *row = &msr_rows[i];

		if (row->class != MSR_KEPT)
			continue;
		ck_assert_uint_lt(row->slot, MSR_SLOTS);
		ck_assert(!(used & BIT(row->slot)));
		used |= BIT(row->slot);
		ck_assert_int_eq(msr_read(&file, row->number, &value), MSR_DONE);
		ck_assert_uint_eq(value, row->value);
		for (unsigned int bit = 0; bit < 64; bit++) {
			bool may = row->writable >> bit & 1;
			u64 flipped = row->value ^ BIT(bit);

			ck_assert_int_eq(msr_write(&file, row->number, flipped),
			                 may ? MSR_DONE : MSR_FAULT);
			ck_assert_int_eq(msr_read(&file, row->number, &value), MSR_DONE);
			ck_assert_uint_eq(value, may ? flipped : row->value);
			ck_assert_int_eq(msr_write(&file, row->number, row->value), MSR_DONE);
		}
	}
	ck_assert_uint_gt(bit_count(used), 20);
}
END_TEST

START_TEST(other_classes)
{
	struct msr_file file, before;
	u64 value;

	msr_reset(&file);
	before = file;
	for (unsigned int i = 0; i < msr_row_count; i++) {
		const struct msr_row *row = &msr_rows[i];
		bool fixed = row->class == MSR_FIXED, ignored = row->class == MSR_IGNORED;

		if (fixed || ignored) {
			ck_assert_int_eq(msr_read(&file, row->number, &value), MSR_DONE);
			ck_assert_uint_eq(value, row->value);
			ck_assert_int_eq(msr_write(&file, row->number, 1),
			                 fixed ? MSR_FAULT : MSR_DONE);
		} else if (row->class == MSR_CALLER) {
			ck_assert_int_eq(msr_read(&file, row->number, &value), MSR_CALL);
			ck_assert_int_eq(msr_write(&file, row->number, row->writable), MSR_CALL);
			for (unsigned int bit = 0; bit < 64; bit++)
				ck_assert_int_eq(msr_write(&file, row->number, BIT(bit)),
				                 row->writable >> bit & 1 ? MSR_CALL : MSR_FAULT);
		} else if (row->class == MSR_GUEST) { /* an exit all the same: it is not there */
			ck_assert_int_eq(msr_read(&file, row->number, &value), MSR_FAULT);
			ck_assert_int_eq(msr_write(&file, row->number, 0), MSR_FAULT);
		} else {
			ck_assert_int_eq(row->class, MSR_KEPT);
		}
	}
	ck_assert_mem_eq(&file, &before, sizeof(file));
}
END_TEST

static bool exits(const u8 *bitmap, u32 msr, bool write)
{
	u32 bit = msr & 0x1fff, table = (write ? 2048u : 0u) + (msr >= 0xc0000000 ? 1024u : 0u);

	return bitmap[table + bit / 8] >> bit % 8 & 1;
}

START_TEST(bitmap_lets_through_the_guests_own_alone)
{
	static const u32 own[] = { 0x174,      0x175,      0x176,      0x277,
		                   0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
		                   0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103 };
	u8 bitmap[PAGE_SIZE];
	unsigned int through = 0;

	memset(bitmap, 0, sizeof(bitmap));
	msr_bitmap_build(bitmap);
	for (u64 n = 0; n < 0x4000; n++) {
		u32 number = (u32)(n < 0x2000 ? n : 0xc0000000u + n - 0x2000);
		const struct msr_row *row = msr_find(number);
		bool expected = !row || row->class != MSR_GUEST;

		ck_assert(exits(bitmap, number, false) == expected);
		ck_assert(exits(bitmap, number, true) == expected);
		through += !expected;
	}
	ck_assert_uint_eq(through, ARRAY_SIZE(own));
	for (unsigned int i = 0; i < ARRAY_SIZE(own); i++)
		ck_assert(!exits(bitmap, own[i], true));
}
END_TEST

START_TEST(bitmap_passes_one_at_a_time)
{
	u8 bitmap[PAGE_SIZE], before[PAGE_SIZE];

	memset(bitmap, 0xff, sizeof(bitmap));
	msr_bitmap_pass(bitmap, 0x808, true, false);
	ck_assert(!exits(bitmap, 0x808, false) && exits(bitmap, 0x808, true));
	msr_bitmap_pass(bitmap, 0xc0001fff, false, true);
	ck_assert(exits(bitmap, 0xc0001fff, false) && !exits(bitmap, 0xc0001fff, true));
	ck_assert_uint_eq(bitmap[4095], 0x7f);
	memcpy(before, bitmap, sizeof(before));
	msr_bitmap_pass(bitmap, 0x2000, true, true);
	msr_bitmap_pass(bitmap, 0xc0002000, true, true);
	msr_bitmap_pass(bitmap, 0xbfffffff, true, true);
	msr_bitmap_pass(bitmap, MSR_KVM_PV_EOI, true, true);
	ck_assert_mem_eq(bitmap, before, sizeof(before));
}
END_TEST

START_TEST(values_that_guests_rely_on)
{
	struct msr_file file;
	u64 value;

	msr_reset(&file);
	ck_assert(msr_read(&file, IA32_FEATURE_CONTROL, &value) == MSR_DONE && value == 1);
	ck_assert(msr_read(&file, 0xfe, &value) == MSR_DONE && (value & 0xff) == 8);
	ck_assert(msr_read(&file, 0x2ff, &value) == MSR_DONE && value == 0x806);
	ck_assert(msr_read(&file, 0x179, &value) == MSR_DONE && value == 0);
	ck_assert(msr_write(&file, IA32_DEBUGCTL, 0) == MSR_DONE);
	ck_assert(msr_write(&file, IA32_DEBUGCTL, 1) == MSR_FAULT);
	ck_assert(msr_write(&file, IA32_EFER, BIT(12)) == MSR_FAULT); /* SVME */
	ck_assert(msr_write(&file, MSR_KVM_STEAL_TIME, 0x1001) == MSR_CALL);
	ck_assert(msr_write(&file, MSR_KVM_STEAL_TIME, 0x1021) == MSR_FAULT); /* not aligned */
	ck_assert(msr_write(&file, MSR_KVM_PV_EOI, 0x1003) == MSR_FAULT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmx_msr");
	TCase *tests = tcase_create("msr");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, rows_are_sorted_and_found);
	tcase_add_test(tests, what_has_no_row_faults);
	tcase_add_test(tests, kept_ones_keep_what_may_be_written);
	tcase_add_test(tests, other_classes);
	tcase_add_test(tests, bitmap_lets_through_the_guests_own_alone);
	tcase_add_test(tests, bitmap_passes_one_at_a_time);
	tcase_add_test(tests, values_that_guests_rely_on);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
