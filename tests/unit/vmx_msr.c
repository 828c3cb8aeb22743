/* SPDX-License-Identifier: MIT */
/* Every row of the MSR table, every bit of the MSR bitmap. */
#include "tests/unit/main.h"

#include "vmx/msr.h"

#include "hv/abi/hypercall.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"

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

START_TEST(what_has_no_row_is_not_found)
{
	for (u64 n = 0; n < 0x4000; n++) {
		u32 number = (u32)(n < 0x2000 ? n : 0xc0000000u + n - 0x2000);

		ck_assert((msr_find(number) != NULL) == has_row(number));
	}
	ck_assert_ptr_null(msr_find(0xffffffff));
	ck_assert_ptr_null(msr_find(0x480)); /* no VMX for guests */
	for (u32 number = 0x800; number < 0x900; number++)
		ck_assert_ptr_null(msr_find(number));
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

static bool may(u32 msr, u64 value)
{
	const struct msr_row *row = msr_find(msr);

	return row != NULL && row->class == MSR_RING0 && (value & ~row->writable) == 0;
}

START_TEST(reserved_bits)
{
	ck_assert(may(IA32_EFER, BIT(0) | BIT(8) | BIT(10) | BIT(11)));
	ck_assert(!may(IA32_EFER, BIT(12))); /* SVME */
	ck_assert(may(MSR_KVM_STEAL_TIME, 0x1001));
	ck_assert(!may(MSR_KVM_STEAL_TIME, 0x1021)); /* not aligned */
	ck_assert(may(MSR_KVM_PV_EOI, 0x1001));
	ck_assert(!may(MSR_KVM_PV_EOI, 0x1003));
	ck_assert(may(IA32_TSC, ~0ull));
}
END_TEST

UNIT_MAIN("vmx_msr", 60, { rows_are_sorted_and_found, 1 }, { what_has_no_row_is_not_found, 1 },
          { bitmap_lets_through_the_guests_own_alone, 1 }, { bitmap_passes_one_at_a_time, 1 },
          { reserved_bits, 1 })
