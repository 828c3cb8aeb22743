// SPDX-License-Identifier: MIT
/* Paravirtual sending: KVM's SEND_IPI to the letter, long bitmaps, hostile arguments. */
#include "tests/unit/vapic_main.h"

static struct world w;
static struct vapic_effects fx;

static void begin(u32 count, bool scattered)
{
	world_init(&w, count, scattered, 7);
	world_enable(&w, ~0u);
}

static void drain(void)
{
	for (u32 i = 0; i < w.vm.count; i++)
		step_pull(&w, i);
}

static s64 kvm(u32 src, u64 low, u64 high, u64 base, u64 icr, u32 bits)
{
	struct expect e = { 0 };
	u64 words[2] = { low, high };
	s64 result = 1234;
	u32 todo = vapic_kvm_send_ipi(&w.mem[src], low, high, base, icr, bits, &result, &fx);

	if (icr & 0xc0800) {
		ck_assert_uint_eq(todo, 0);
		return result;
	}
	o_send_ids(&w.oracle, (int)src, o_icr((u32)icr, 0, true), words, 2, bits, (u32)base, &e);
	world_check_return(&w, todo, &fx, &e);
	drain();
	return result;
}

/* Each base around each edge, with each single bit, both word sizes. */
START_TEST(every_bit_at_every_base)
{
	static const u64 bases[] = {
		0,          1,           2,          63,         64,         65,
		127,        128,         0x1000,     0xffff,     0x7fffffff, 0x80000000,
		0xffffff80, 0xffffffc0,  0xfffffffe, 0xffffffff, 1ull << 32, (1ull << 32) + 1,
		1ull << 63, ~0ull - 127, ~0ull - 63, ~0ull
	};

	begin(_i == 0 ? 70 : 10, _i == 1);
	for (u32 b = 0; b < ARRAY_SIZE(bases); b++) {
		for (u32 bit = 0; bit < 64; bit++) {
			(void)kvm(3, 1ull << bit, 0, bases[b], 0x40 + bit, 64);
			(void)kvm(3, 0, 1ull << bit, bases[b], 0x40 + bit, 64);
			(void)kvm(3, 1ull << bit, 1ull << bit, bases[b], 0x40 + bit, 32);
		}
		(void)kvm(3, ~0ull, ~0ull, bases[b], 0xe0, 64);
		(void)kvm(3, ~0ull, ~0ull, bases[b], 0xe1, 32);
		(void)kvm(3, 0, 0, bases[b], 0xe2, 64);
	}
	for (u32 i = 0; i < w.vm.count; i++)
		world_check(&w, i);
}
END_TEST

/* Every low half of an ICR, as a guest may put it there. */
START_TEST(every_icr)
{
	begin(10, _i == 1);
	for (u64 icr = 0; icr < 0x100000; icr += icr % 0x800 < 0x12 ? 1 : 0x17)
		(void)kvm(0, 0x2a7, 0, 0, icr, 64);
	for (u32 bit = 0; bit < 64; bit++)
		(void)kvm(0, 0x2a7, 0, 0, 0x40 | 1ull << bit, 64);
}
END_TEST

START_TEST(results)
{
	begin(70, false);
	/* A base beyond the last ID contributes nothing; the one below it one. */
	ck_assert_int_eq(kvm(0, ~0ull, ~0ull, 70, 0x40, 64), 0);
	ck_assert_uint_eq(fx.sent.dropped, 128);
	ck_assert_int_eq(kvm(0, ~0ull, ~0ull, 69, 0x40, 64), 1);
	ck_assert_int_eq(kvm(0, ~0ull, ~0ull, 0xffffffff, 0x40, 64), 0);
	ck_assert_int_eq(kvm(0, ~0ull, ~0ull, 0, 0x40, 64), 70);
	ck_assert_int_eq(kvm(0, ~0ull, ~0ull, 0, 0x41, 32), 64);
	ck_assert_int_eq(kvm(0, 0, 0, 0, 0x40, 64), 0);
	/* NMI is what Linux sends besides. */
	ck_assert_int_eq(kvm(0, 0xff, 0, 0, 0x400, 64), 8);
	ck_assert_int_eq(kvm(0, 0xff, 0, 0, 0x200, 64), 0);
	/* Logical destinations and shorthands are refused. */
	ck_assert_int_eq(kvm(0, 1, 0, 0, 0x840, 64), -22);
	ck_assert_int_eq(kvm(0, 1, 0, 0, 0x40040, 64), -22);
	ck_assert_int_eq(kvm(0, 1, 0, 0, 0x80040, 64), -22);
	ck_assert_int_eq(kvm(0, 1, 0, 0, 0xc0040, 64), -22);
}
END_TEST

/* What was accepted counts, newly pending or not. */
START_TEST(coalesced_counts_as_accepted)
{
	s64 result;
	u32 todo;

	begin(8, false);
	for (u32 n = 0; n < 3; n++) {
		todo = vapic_kvm_send_ipi(&w.mem[0], 0xff, 0, 0, 0x55, 64, &result, &fx);
		ck_assert_int_eq(result, 8);
		ck_assert_uint_eq(fx.sent.posted, n == 0 ? 8 : 0);
		ck_assert_uint_eq(fx.sent.coalesced, n == 0 ? 0 : 8);
		ck_assert_uint_eq(todo, VAPIC_SENT | VAPIC_SELF | (n == 0 ? VAPIC_WAKE : 0u));
	}
}
END_TEST

/* Native bitmaps: 16 words a call, word by word the same as one ICR write for each ID. */
START_TEST(long_bitmaps)
{
	struct choices c = { .seed = 4242 };

	begin(70, false);
	for (u32 n = 0; n < 3000; n++) {
		u64 words[VAPIC_SET_WORDS];
		struct expect e = { 0 };
		u64 base = choose(&c, 4) == 0 ? choose_u64(&c) : choose(&c, 140);
		u32 count = choose(&c, VAPIC_SET_WORDS + 1);
		u32 low = choose_icr_low(&c);

		for (u32 k = 0; k < VAPIC_SET_WORDS; k++)
			words[k] = choose(&c, 3) == 0 ? choose_u64(&c) : 0;
		o_send_ids(&w.oracle, 5, o_icr(low, 0, true), words, count, 64, base, &e);
		world_check_return(&w,
		                   vapic_send_set(&w.vm, &w.mem[5], vapic_icr_x2apic(low), words,
		                                  count, base, &fx),
		                   &fx, &e);
		if (n % 3 == 0)
			drain();
	}
}
END_TEST

/* No base makes an ID wrap round to somebody. */
START_TEST(bases_at_the_end)
{
	u64 words[VAPIC_SET_WORDS];

	memset(words, 0xff, sizeof(words));
	begin(70, false);
	for (u64 back = 1; back <= 1100; back++) {
		ck_assert_uint_eq(vapic_send_set(&w.vm, &w.mem[0], vapic_icr_x2apic(0x40), words,
		                                 VAPIC_SET_WORDS, 0 - back, &fx),
		                  VAPIC_SENT);
		ck_assert_uint_eq(fx.sent.dropped, 1024);
	}
}
END_TEST

/* More words than a set has are not read. */
START_TEST(too_many_words)
{
	u64 words[VAPIC_SET_WORDS] = { 0 };

	begin(3, false);
	words[0] = 2;
	ck_assert_uint_eq(
		vapic_send_set(&w.vm, &w.mem[0], vapic_icr_x2apic(0x40), words, ~0u, 0, &fx),
		VAPIC_SENT | VAPIC_WAKE);
	ck_assert_uint_eq(fx.sent.posted, 1);
}
END_TEST

VAPIC_MAIN("vapic_pv", { every_bit_at_every_base, 2 }, { every_icr, 2 }, { results, 1 },
           { coalesced_counts_as_accepted, 1 }, { long_bitmaps, 1 }, { bases_at_the_end, 1 },
           { too_many_words, 1 })
