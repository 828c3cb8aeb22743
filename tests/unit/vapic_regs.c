// SPDX-License-Identifier: MIT
/* Every register in every mode; every byte of the page, every MSR, every bit. */
#include "tests/unit/vapic_main.h"

static struct world w;

/* A world of one, in mode 0..2, with features 7 or 0. */
static void begin(u32 mode, u32 features)
{
	struct expect e = { 0 };
	u32 todo;

	world_init(&w, 1, false, features);
	world_enable(&w, mode == VAPIC_X2APIC ? ~0u : 0);
	if (mode != VAPIC_DISABLED)
		return;
	o_base_write(&w.oracle, 0, 0xfee00000, &e);
	todo = vapic_base_write(&w.mem[0], 0xfee00000);
	ck_assert_uint_eq(todo, e.todo);
}

static void mmio_write(u32 offset, u32 size, u64 value)
{
	struct vapic_effects fx;
	struct expect e = { 0 };

	o_mmio_write(&w.oracle, 0, offset, size, value, w.now, &e);
	world_check_return(&w, vapic_mmio_write(&w.mem[0], offset, size, value, w.now, &fx), &fx,
	                   &e);
}

static void mmio_read(u32 offset, u32 size)
{
	struct expect e = { 0 };
	u64 want = o_mmio_read(&w.oracle, 0, offset, size, w.now, &e);
	u64 got;
	u32 todo = vapic_mmio_read(&w.mem[0], offset, size, w.now, &got);

	ck_assert_msg(todo == e.todo && got == want, "read %#x size %u: %#x, %#llx not %#llx",
	              offset, size, todo, (unsigned long long)got, (unsigned long long)want);
}

static const u32 sizes[] = { 1, 2, 4, 8 };

START_TEST(every_byte_of_the_page_reads)
{
	for (u32 features = 0; features < 8; features += 7) {
		begin((u32)_i, features);
		for (u32 offset = 0; offset < 4096; offset++) {
			for (u32 s = 0; s < ARRAY_SIZE(sizes); s++)
				mmio_read(offset, sizes[s]);
		}
		world_check(&w, 0);
	}
}
END_TEST

START_TEST(every_byte_of_the_page_writes)
{
	static const u64 values[] = { 0, ~0ull, 0x5555555555555555, 0x1ff };

	for (u32 features = 0; features < 8; features += 7) {
		for (u32 offset = 0; offset < 4096; offset++) {
			begin((u32)_i, features);
			for (u32 s = 0; s < ARRAY_SIZE(sizes); s++) {
				for (u32 v = 0; v < ARRAY_SIZE(values); v++)
					mmio_write(offset, sizes[s], values[v]);
			}
			world_check(&w, 0);
		}
	}
}
END_TEST

START_TEST(every_bit_of_every_register)
{
	for (u32 offset = 0; offset < 0x400; offset += 16) {
		for (u32 bit = 0; bit < 32; bit++) {
			begin((u32)_i, 7);
			mmio_write(offset, 4, 1u << bit);
			world_check(&w, 0);
			mmio_write(offset, 4, ~(1u << bit));
			world_check(&w, 0);
		}
	}
}
END_TEST

/* Reserved registers and no others log an error, once for all that follow. */
START_TEST(reserved_registers_log)
{
	for (u32 offset = 0; offset < 4096; offset += 16) {
		begin(VAPIC_XAPIC, 7);
		mmio_read(offset, 4);
		ck_assert_uint_eq(w.mem[0].esr_log, o_in_page(offset) ? 0 : 0x80);
		mmio_write(0x280, 4, 0);
		ck_assert_uint_eq(w.mem[0].reg[0x280 / 4], o_in_page(offset) ? 0 : 0x80);
		mmio_write(0x280, 4, 0);
		ck_assert_uint_eq(w.mem[0].reg[0x280 / 4], 0);
	}
}
END_TEST

static void msr_both_ways(u32 msr, u64 value)
{
	struct vapic_effects fx;
	struct expect e = { 0 };
	u64 got = 0, want = 0;
	bool readable;
	u32 todo;

	o_msr_write(&w.oracle, 0, msr, value, w.now, &e);
	world_check_return(&w, vapic_msr_write(&w.mem[0], msr, value, w.now, &fx), &fx, &e);
	readable = o_msr_read(&w.oracle, 0, msr, w.now, &want);
	todo = vapic_msr_read(&w.mem[0], msr, w.now, &got);
	ck_assert_msg(todo == (readable ? 0u : VAPIC_GP), "RDMSR %#x: %#x", msr, todo);
	ck_assert_msg(!readable || got == want, "RDMSR %#x: %#llx not %#llx", msr,
	              (unsigned long long)got, (unsigned long long)want);
}

START_TEST(every_bit_of_every_msr)
{
	for (u32 features = 0; features < 8; features += 7) {
		for (u32 msr = 0x7f0; msr < 0x910; msr++) {
			begin((u32)_i, features);
			msr_both_ways(msr, 0);
			msr_both_ways(msr, ~0ull);
			for (u32 bit = 0; bit < 64; bit++)
				msr_both_ways(msr, 1ull << bit);
			world_check(&w, 0);
		}
	}
}
END_TEST

START_TEST(other_msrs_fault)
{
	static const u32 msrs[] = {
		0, 0x10, 0x1a, 0x1c, 0x6df, 0x6e1, 0x7ff, 0x900, 0xc0000080, ~0u
	};
	struct vapic_effects fx;
	u64 value;

	for (u32 mode = 0; mode < 3; mode++) {
		begin(mode, 7);
		for (u32 k = 0; k < ARRAY_SIZE(msrs); k++) {
			ck_assert_uint_eq(vapic_msr_read(&w.mem[0], msrs[k], 0, &value), VAPIC_GP);
			ck_assert_uint_eq(vapic_msr_write(&w.mem[0], msrs[k], 0, 0, &fx), VAPIC_GP);
		}
	}
	begin(VAPIC_XAPIC, 0);
	ck_assert_uint_eq(vapic_msr_read(&w.mem[0], 0x6e0, 0, &value), VAPIC_GP);
	ck_assert_uint_eq(vapic_msr_write(&w.mem[0], 0x6e0, 0, 0, &fx), VAPIC_GP);
}
END_TEST

/* Values after power-up, written out by hand from the SDM. */
START_TEST(power_up_values)
{
	static const struct {
		u32 offset, value;
	} rows[] = {
		{ 0x20, 0 },        { 0x30, 0x01060015 }, { 0x80, 0 },        { 0x90, 0 },
		{ 0xa0, 0 },        { 0xc0, 0 },          { 0xd0, 0 },        { 0xe0, 0xffffffff },
		{ 0xf0, 0xff },     { 0x280, 0 },         { 0x2f0, 0x10000 }, { 0x300, 0 },
		{ 0x310, 0 },       { 0x320, 0x10000 },   { 0x330, 0x10000 }, { 0x340, 0x10000 },
		{ 0x350, 0x10000 }, { 0x360, 0x10000 },   { 0x370, 0x10000 }, { 0x380, 0 },
		{ 0x390, 0 },       { 0x3e0, 0 },
	};
	u64 value;

	world_init(&w, 1, false, 7);
	for (u32 k = 0; k < ARRAY_SIZE(rows); k++) {
		ck_assert_uint_eq(vapic_mmio_read(&w.mem[0], rows[k].offset, 4, 0, &value), 0);
		ck_assert_msg(value == rows[k].value, "%#x is %#llx", rows[k].offset,
		              (unsigned long long)value);
	}
	for (u32 offset = 0x100; offset < 0x280; offset += 16) {
		ck_assert_uint_eq(vapic_mmio_read(&w.mem[0], offset, 4, 0, &value), 0);
		ck_assert_uint_eq(value, 0);
	}
	ck_assert_uint_eq(vapic_msr_read(&w.mem[0], 0x1b, 0, &value), 0);
	ck_assert_uint_eq(value, 0xfee00900);
}
END_TEST

/* ID and LDR cannot be written where they are the hardware's. */
START_TEST(identity_is_fixed)
{
	struct vapic_effects fx;
	u64 value;

	world_init(&w, 10, true, 7);
	world_enable(&w, 0x3f0);
	for (u32 i = 0; i < 10; i++) {
		struct vapic *a = &w.mem[i];
		u32 id = world_id(i, true);

		if (vapic_mode(a) == VAPIC_XAPIC) {
			ck_assert_uint_eq(vapic_mmio_write(a, 0x20, 4, ~0ull, 0, &fx), 0);
			ck_assert_uint_eq(vapic_mmio_read(a, 0x20, 4, 0, &value), 0);
			ck_assert_uint_eq(value, (u64)(u8)id << 24);
			continue;
		}
		ck_assert_uint_eq(vapic_msr_write(a, 0x802, id, 0, &fx), VAPIC_GP);
		ck_assert_uint_eq(vapic_msr_write(a, 0x80d, 1, 0, &fx), VAPIC_GP);
		ck_assert_uint_eq(vapic_msr_read(a, 0x802, 0, &value), 0);
		ck_assert_uint_eq(value, id);
		ck_assert_uint_eq(vapic_msr_read(a, 0x80d, 0, &value), 0);
		ck_assert_uint_eq(value, (u64)(id >> 4) << 16 | 1u << (id & 15));
	}
}
END_TEST

VAPIC_MAIN("vapic_regs", { every_byte_of_the_page_reads, 3 }, { every_byte_of_the_page_writes, 3 },
           { every_bit_of_every_register, 3 }, { reserved_registers_log, 1 },
           { every_bit_of_every_msr, 3 }, { other_msrs_fault, 1 }, { power_up_values, 1 },
           { identity_is_fixed, 1 })
