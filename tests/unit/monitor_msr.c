/* SPDX-License-Identifier: MIT */
/* The monitor's MSRs: every row, every bit, every number without a row. */
#include "tests/unit/main.h"
#include "tests/unit/monitor_world.h"

static u64 at(const struct platform_msr_row *row, u32 n)
{
	return row->first + n * row->stride;
}

/* False: the access faults. */
static bool read(u64 msr, u64 *value)
{
	ck_assert(message(MSG_MSR, msr, 8, false, 0));
	*value = page.reply.value;
	return claimed();
}

static bool write(u64 msr, u64 value)
{
	ck_assert(message(MSG_MSR, msr, 8, true, value));
	return claimed();
}

static u64 value_of(u64 msr)
{
	u64 value;

	ck_assert_msg(read(msr, &value), "MSR 0x%lx", msr);
	return value;
}

static bool has_row(u64 number)
{
	for (u32 i = 0; i < platform_msr_row_count; i++)
		for (u32 n = 0; n < platform_msr_rows[i].count; n++)
			if (at(&platform_msr_rows[i], n) == number)
				return true;
	return false;
}

START_TEST(what_has_no_row_faults)
{
	u64 value;
	u32 there = 0;

	setup();
	for (u64 i = 0; i < 0x4000; i++) {
		u64 number = i < 0x2000 ? i : 0xc0000000u + i - 0x2000;

		ck_assert(read(number, &value) == has_row(number));
		there += has_row(number);
		if (!has_row(number))
			ck_assert(!write(number, 0));
	}
	ck_assert_uint_eq(there, 9 + 2 * PMU_COUNTERS + 3 + 2 + 16 + 11 + 1);
	ck_assert(!read(0xffffffff, &value));
	ck_assert(!read(0x40000000, &value));
}
END_TEST

START_TEST(kept_ones_keep_what_may_be_written)
{
	u64 used = 0;

	setup();
	for (u32 i = 0; i < platform_msr_row_count; i++) {
		const struct platform_msr_row *row = &platform_msr_rows[i];

		for (u32 n = 0; row->class == MSR_KEPT && n < row->count; n++) {
			ck_assert_uint_lt(row->unit + n, PLATFORM_MSR_SLOTS);
			ck_assert(!(used & BIT(row->unit + n)));
			used |= BIT(row->unit + n);
			ck_assert_uint_eq(value_of(at(row, n)), row->value);
			for (u32 bit = 0; bit < 64; bit++) {
				bool may = row->writable >> bit & 1;
				u64 flipped = row->value ^ BIT(bit);

				ck_assert(write(at(row, n), flipped) == may);
				ck_assert_uint_eq(value_of(at(row, n)), may ? flipped : row->value);
				ck_assert(write(at(row, n), row->value));
			}
		}
	}
	ck_assert_uint_eq(bit_count(used), 2 + 16 + 11 + 1);
}
END_TEST

START_TEST(fixed_and_ignored)
{
	u32 seen = 0;

	setup();
	for (u32 i = 0; i < platform_msr_row_count; i++) {
		const struct platform_msr_row *row = &platform_msr_rows[i];

		if (row->class != MSR_FIXED && row->class != MSR_IGNORED)
			continue;
		seen++;
		ck_assert(write(row->first, row->value ^ 1) == (row->class == MSR_IGNORED));
		ck_assert_uint_eq(value_of(row->first), row->value);
	}
	ck_assert_uint_eq(seen, 9);
}
END_TEST

START_TEST(each_vcpu_has_its_own)
{
	setup();
	page.message.vcpu = info.config.vcpus - 1;
	ck_assert_uint_eq(value_of(0x2ff), 0x806);
	ck_assert(write(0x2ff, 0x800));
	ck_assert(write(0x26f, 0x0606060606060606));
	page.message.vcpu = 0;
	ck_assert_uint_eq(value_of(0x2ff), 0x806);
	ck_assert_uint_eq(value_of(0x26f), 0);
	page.message.vcpu = info.config.vcpus - 1;
	ck_assert_uint_eq(value_of(0x2ff), 0x800);
	ck_assert_uint_eq(value_of(0x26f), 0x0606060606060606);
}
END_TEST

START_TEST(values_that_guests_rely_on)
{
	setup();
	ck_assert_uint_eq(value_of(0x3a), 1); /* IA32_FEATURE_CONTROL: locked, no VMX */
	ck_assert_uint_eq(value_of(0xfe) & 0xff, 8);
	ck_assert_uint_eq(value_of(0x2ff), 0x806);
	ck_assert_uint_eq(value_of(0x179), 0);
	ck_assert_uint_eq(value_of(0x1a0) & BIT(7), BIT(7)); /* there are counters */
	/* What software turns on and off there stays as written; what says what there is does not
	 * change; bits without a name fault. */
	ck_assert(write(0x1a0, 0x400c51889));
	ck_assert_uint_eq(value_of(0x1a0), 0x400c51889);
	ck_assert(!write(0x1a0, 0x400c51809));
	ck_assert(!write(0x1a0, 0x400c51089));
	ck_assert(!write(0x1a0, 0x400c51889 | BIT(38)));
	ck_assert(write(0x1d9, 0));
	ck_assert(!write(0x1d9, 1));
}
END_TEST

UNIT_MAIN("monitor_msr", 60, { what_has_no_row_faults, 1 },
          { kept_ones_keep_what_may_be_written, 1 }, { fixed_and_ignored, 1 },
          { each_vcpu_has_its_own, 1 }, { values_that_guests_rely_on, 1 })
