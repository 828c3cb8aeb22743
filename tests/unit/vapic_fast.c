// SPDX-License-Identifier: MIT
/*
 * The inline ways of vapic/fast.h against the general ones of vapic.h: the same APIC, twice, and
 * after the same event by either way every register, mailbox and answer must be the same.
 */
#include "tests/unit/vapic_main.h"

#include <string.h>

#include "vapic/fast.h"

#define ROUNDS 20000u

static struct world fast, general;
static u64 seed;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void build(u32 count, bool scattered, u32 x2apic_mask)
{
	seed = 0x9e3779b97f4a7c15ull + count + x2apic_mask;
	for (struct world *w = &fast;; w = &general) {
		memset(w, 0, sizeof(*w));
		world_init(w, count, scattered, VAPIC_HAS_X2APIC);
		world_enable(w, x2apic_mask);
		if (w == &general)
			break;
	}
}

/* Few bits, so that empty words and lone bits occur as often as crowds. */
static void fill(u32 reg, u8 *words, u32 *page)
{
	*words = 0;
	for (u32 w = 0; w < 8; w++) {
		u32 bits = rnd() % 3 == 0 ? (u32)(rnd() & rnd() & rnd()) : 0;

		if (w == 0)
			bits &= 0xffff0000;
		page[reg / 4 + w * 4] = bits;
		*words = (u8)(*words | (bits != 0) << w);
	}
}

static void same_state(struct vapic *a, struct vapic *b)
{
	fill(0x200, &a->irr_words, a->reg);
	fill(0x100, &a->isr_words, a->reg);
	a->reg[0x80 / 4] = rnd() % 4 == 0 ? (u32)rnd() & 0xff : 0;
	memcpy(b->reg, a->reg, sizeof(b->reg));
	b->irr_words = a->irr_words;
	b->isr_words = a->isr_words;
}

/* Each assertion that holds is told to the test's parent: a call to the kernel. Not in rounds. */
#define EXPECT(cond, ...)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

static void expect_equal(const struct vapic *a, const struct vapic *b, const char *what)
{
	EXPECT(memcmp(a->reg, b->reg, sizeof(a->reg)) == 0, "%s: registers differ", what);
	EXPECT(a->irr_words == b->irr_words && a->isr_words == b->isr_words, "%s: summaries differ",
	       what);
	EXPECT(memcmp(&a->mail, &b->mail, sizeof(a->mail)) == 0, "%s: mail differs", what);
}

START_TEST(take_is_next_and_accept)
{
	build(1, false, ~0u);
	for (u32 n = 0; n < ROUNDS; n++) {
		int got, want;

		same_state(&fast.mem[0], &general.mem[0]);
		want = vapic_next(&general.mem[0]);
		if (want >= 0)
			vapic_accept(&general.mem[0], (u8)want);
		got = vapic_fast_take(&fast.mem[0]);
		EXPECT(got == want, "took %d, not %d", got, want);
		expect_equal(&fast.mem[0], &general.mem[0], "take");
	}
}
END_TEST

START_TEST(eoi_is_eoi)
{
	struct vapic_effects fx;

	build(1, false, ~0u);
	for (u32 n = 0; n < ROUNDS; n++) {
		u32 todo;
		bool more, had;

		same_state(&fast.mem[0], &general.mem[0]);
		had = general.mem[0].isr_words != 0;
		todo = vapic_eoi(&general.mem[0], &fx);
		more = vapic_fast_eoi(&fast.mem[0]);
		EXPECT(!had || more == ((todo & VAPIC_SELF) != 0), "EOI: more %d", more);
		expect_equal(&fast.mem[0], &general.mem[0], "EOI");
	}
}
END_TEST

START_TEST(self_is_self)
{
	struct vapic_effects fx;

	build(1, false, ~0u);
	for (u32 n = 0; n < ROUNDS; n++) {
		u64 icr = (rnd() & 0xffffffff0000c0ffull) | APIC_ICR_SELF;
		bool is_self = vapic_fast_is_self((u32)icr);
		u32 todo;

		EXPECT(is_self, "ICR %#llx is to oneself", (unsigned long long)icr);
		if ((icr & 0xff) < 16)
			continue;
		same_state(&fast.mem[0], &general.mem[0]);
		todo = vapic_icr_write64(&general.mem[0], icr, &fx);
		EXPECT(todo == (VAPIC_SENT | VAPIC_SELF), "self: returned %#x", todo);
		vapic_fast_note_icr(&fast.mem[0], icr);
		EXPECT(vapic_fast_send_self(&fast.mem[0], icr & 0xff) == (fx.sent.posted != 0),
		       "self: posted %u", fx.sent.posted);
		expect_equal(&fast.mem[0], &general.mem[0], "self");
	}
	for (u32 bit = 8; bit < 32; bit++)
		if (bit != 14 && bit != 15)
			EXPECT(!vapic_fast_is_self(APIC_ICR_SELF ^ BIT32(bit) ^ 0x40),
			       "bit %u matters", bit);
}
END_TEST

/* Posts `vector` as post_and_notify does in hv/, target by target. */
static void post_targets(u64 targets, u32 vector)
{
	for (; targets != 0; targets &= targets - 1) {
		u32 i = bit_lowest(targets);

		if (fast.route[i] & VAPIC_ROUTE_ENABLED)
			(void)mail_post_vector(&fast.mem[i].mail, vector, false);
	}
}

static void expect_same_mail(u32 count, const char *what, u64 value)
{
	for (u32 i = 0; i < count; i++)
		EXPECT(memcmp(&fast.mem[i].mail, &general.mem[i].mail, sizeof(struct vapic_mail)) ==
		               0,
		       "%s %#llx: vCPU %u got something else", what, (unsigned long long)value, i);
}

/* One register, by whichever way its mode has. */
static u32 write_reg(struct vapic *a, u32 reg, u64 value, struct vapic_effects *fx)
{
	if (vapic_mode(a) == VAPIC_X2APIC)
		return vapic_msr_write(a, 0x800 + reg / 16, value, 0, fx);
	if (reg == APIC_ICR)
		(void)!vapic_mmio_write(a, APIC_ICR_HIGH, 4, value >> 32 << 24, 0, fx);
	return vapic_mmio_write(a, reg, 4, (u32)value, 0, fx);
}

static void disable_some(u32 count)
{
	struct vapic_effects fx;

	for (u32 i = 1; i < count; i++) {
		if (rnd() % 8 != 0)
			continue;
		ck_assert(!(write_reg(&fast.mem[i], 0xf0, 0xff, &fx) & VAPIC_GP));
		ck_assert(!(write_reg(&general.mem[i], 0xf0, 0xff, &fx) & VAPIC_GP));
	}
}

static u64 some_icr(u32 count)
{
	static const u32 hows[] = { 0, 0, APIC_ICR_LOGICAL, APIC_ICR_OTHERS };
	u32 how = hows[rnd() % ARRAY_SIZE(hows)];
	u64 dest = rnd() % (count + 2);

	if (how == APIC_ICR_LOGICAL)
		dest = (rnd() % (count / 16 + 1)) << 16 | (rnd() & rnd() & 0xffff);
	return dest << 32 | how | (16 + rnd() % 240);
}

static u64 fast_targets_of(u64 icr)
{
	struct vapic *a = &fast.mem[0];

	if (vapic_mode(a) == VAPIC_X2APIC)
		return vapic_fast_targets_x2apic(a, icr);
	a->reg[APIC_ICR_HIGH / 4] = (u32)(icr >> 32) << 24;
	return vapic_fast_targets_xapic(a, (u32)icr);
}

/* Any number of vCPUs: what is not the usual case must be told so, which `targets` counts on. */
START_TEST(targets_of_an_icr)
{
	static const u32 counts[] = { 1, 2, 4, 16, 17, 63, 64 };
	u32 count = counts[_i / 2];
	struct vapic_effects fx;
	u32 used = 0;

	build(count, false, _i % 2 == 0 ? ~0u : 0);
	disable_some(count);
	for (u32 n = 0; n < ROUNDS; n++) {
		u64 icr = some_icr(count);
		u64 targets = fast_targets_of(icr);

		if (targets == 0)
			continue;
		used++;
		post_targets(targets, icr & 0xff);
		EXPECT(write_reg(&general.mem[0], APIC_ICR, icr, &fx) & VAPIC_SENT, "not sent");
		expect_same_mail(count, "ICR", icr);
	}
	ck_assert(count == 1 ? used == 0 : used > ROUNDS / 10);
}
END_TEST

START_TEST(targets_of_a_hypercall)
{
	static const u32 counts[] = { 1, 2, 4, 16, 17, 63, 64 };
	u32 count = counts[_i];
	struct vapic_effects fx;
	u32 used = 0;

	build(count, false, ~0u);
	disable_some(count);
	for (u32 n = 0; n < ROUNDS; n++) {
		u64 base = rnd() % (count + 1);
		u64 low = rnd() & rnd() & rnd() & (BIT(rnd() % 64) - 1);
		u64 targets = vapic_fast_targets(&fast.mem[0], low, base);
		u32 vector = 16 + (u32)(rnd() % 240);
		s64 accepted;

		if (targets == 0)
			continue;
		used++;
		post_targets(targets, vector);
		EXPECT(vapic_kvm_send_ipi(&general.mem[0], low, 0, base, vector, 64, &accepted,
		                          &fx) &
		               VAPIC_SENT,
		       "not sent");
		expect_same_mail(count, "bitmap", low);
	}
	ck_assert(count == 1 ? used == 0 : used > 10);
}
END_TEST

/* Each of these would go wrong as the usual case, so that none may pass for it. */
START_TEST(slow_path_alone)
{
	build(64, false, ~0u);
	ck_assert_uint_eq(vapic_fast_targets(&fast.mem[3], 1, 3), 0);  /* the sender itself */
	ck_assert_uint_eq(vapic_fast_targets(&fast.mem[3], 1, 64), 0); /* nobody's ID */
	ck_assert_uint_eq(vapic_fast_targets(&fast.mem[3], 2, 63), 0); /* bit 64: nobody's */
	ck_assert_uint_eq(vapic_fast_targets(&fast.mem[3], BIT(63) | 1, 1), 0); /* not lost */
	ck_assert_uint_eq(vapic_fast_targets(&fast.mem[3], 1, ~0ull), 0);       /* no overflow */
	ck_assert_uint_eq(vapic_fast_targets(&fast.mem[3], 0, 0), 0);           /* nobody at all */
	ck_assert_uint_eq(vapic_fast_targets_x2apic(&fast.mem[3], 0xffffffff00000040ull),
	                  0);                                                   /* all */
	ck_assert_uint_eq(vapic_fast_targets_x2apic(&fast.mem[3], 0x80040), 0); /* shorthand all */
	ck_assert_uint_eq(vapic_fast_targets_x2apic(&fast.mem[3], 0x440), 0);   /* NMI */
	ck_assert_uint_eq(vapic_fast_targets_x2apic(&fast.mem[3], 0x140), 0); /* lowest priority */
	ck_assert_uint_eq(vapic_fast_targets_x2apic(&fast.mem[3], 0x100001040ull),
	                  0); /* reserved bit */
	build(64, false, 0);
	ck_assert_uint_eq(fast_targets_of(0x500000040ull), BIT(5)); /* xAPICs: this is usual */
	ck_assert_uint_eq(fast_targets_of(0xff00000040ull), 0);     /* all */
	ck_assert_uint_eq(fast_targets_of(0x100080040ull), 0);      /* shorthand all */
	ck_assert_uint_eq(fast_targets_of(0x100040040ull), 0);      /* shorthand self */
	ck_assert_uint_eq(fast_targets_of(0x100000440ull), 0);      /* NMI */
	ck_assert_uint_eq(fast_targets_of(0x100000840ull), 0);      /* logical: nobody has an LDR */
	for (u32 count = 65; count <= ORACLE_VCPUS; count++) {      /* too many for one word */
		build(count, false, ~0u);
		for (u32 dest = 0; dest < 64; dest++)
			EXPECT(vapic_fast_targets(&fast.mem[3], 1, dest) == 0, "%u of %u", dest,
			       count);
	}
	build(4, true, ~0u);
	ck_assert_uint_eq(vapic_fast_targets(&fast.mem[3], 1, 1), 0); /* IDs are not indexes */
	build(4, false, ~2u);
	ck_assert_uint_eq(vapic_fast_targets_x2apic(&fast.mem[3], 0x100000840ull),
	                  0); /* an xAPIC among them */
	ck_assert_uint_ne(vapic_fast_targets(&fast.mem[3], 1, 1),
	                  0); /* which a hypercall reaches */
	ck_assert(!vapic_is_fast(&fast.mem[1], VAPIC_X2APIC));
	ck_assert(vapic_is_fast(&fast.mem[0], VAPIC_X2APIC));
}
END_TEST

/* Switched off, an APIC is neither quick nor a sender of the usual kind; nor once it saw a level.
 */
START_TEST(fast_follows_the_state)
{
	struct vapic_effects fx;
	struct vapic *a = &fast.mem[0];

	build(2, false, ~0u);
	ck_assert(vapic_is_fast(a, VAPIC_X2APIC));
	ck_assert(!(vapic_msr_write(a, 0x80f, 0xff, 0, &fx) & VAPIC_GP));
	ck_assert(!vapic_is_fast(a, VAPIC_X2APIC));
	ck_assert_uint_eq(vapic_fast_targets(a, 2, 0), 0);
	ck_assert(!(vapic_msr_write(a, 0x80f, 0x1ff, 0, &fx) & VAPIC_GP));
	ck_assert(vapic_is_fast(a, VAPIC_X2APIC));
	ck_assert(vapic_msi(&fast.vm, 0xfee00000, 0xc040, &fx) & VAPIC_SENT); /* level */
	ck_assert(!vapic_is_fast(a, VAPIC_X2APIC));
}
END_TEST

VAPIC_MAIN("vapic_fast", { take_is_next_and_accept, 1 }, { eoi_is_eoi, 1 }, { self_is_self, 1 },
           { targets_of_an_icr, 14 }, { targets_of_a_hypercall, 7 }, { slow_path_alone, 1 },
           { fast_follows_the_state, 1 })
