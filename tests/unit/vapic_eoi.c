// SPDX-License-Identifier: MIT
/*
 * PV EOI: a vCPU whose guest skips EOIs by the flag is held against one whose guest traps each.
 * Whatever happens between, both take the same vectors in the same order, and both guests read the
 * same ISR, PPR and APR.
 */
#include "tests/unit/vapic_main.h"
#include "vapic/pv_eoi.h"

static struct world w; /* 0 skips, 1 traps */
static u8 flag;
static u32 skipped;

static void drop(u32 todo)
{
	(void)todo;
}

#define PV (&w.mem[0])
#define HW (&w.mem[1])

/* libcheck notes each assertion that holds: too slow for what is asked millions of times. */
static void must(bool holds, const char *what, const char *when)
{
	if (!holds)
		ck_abort_msg("%s, after %s", what, when);
}

static u64 get(struct vapic *a, u32 msr)
{
	u64 value = 0;

	must(vapic_msr_read(a, msr, 0, &value) == VAPIC_OK, "a register cannot be read", "x2APIC");
	return value;
}

static void begin(void)
{
	world_init(&w, 2, false, 7);
	world_enable(&w, ~0u);
	drop(vapic_base_write(PV, get(PV, 0x1b) | 0x400));
	drop(vapic_base_write(HW, get(HW, 0x1b) | 0x400));
	flag = 0;
	skipped = 0;
}

static void compare(const char *when)
{
	must(get(PV, 0x80a) == get(HW, 0x80a), "PPR differs", when);
	must(vapic_apr(PV) == vapic_apr(HW), "APR differs", when);
	for (u32 i = 0; i < 8; i++)
		must(get(PV, 0x810 + i) == get(HW, 0x810 + i), "ISR differs", when);
	for (u32 i = 0; i < 8; i++)
		must(get(PV, 0x820 + i) == get(HW, 0x820 + i), "IRR differs", when);
}

/* What the hypervisor does between an exit and the entry that follows it. */
static int enter(struct vapic *a, bool pv)
{
	struct vapic_effects fx;
	int vector;

	(void)vapic_pull(a).events;
	if (pv && (vapic_pv_eoi_settle(a, &fx) & VAPIC_SKIPPED) != 0)
		skipped++;
	vector = vapic_next(a);
	if (vector >= 0)
		vapic_accept(a, (u8)vector);
	if (pv)
		vapic_pv_eoi_offer(a, &flag);
	return vector;
}

static void both_enter(void)
{
	int pv = enter(PV, true), hw = enter(HW, false);

	must(pv == hw, "another vector is taken", "an entry");
	must(flag == 0 || PV->irr_words == 0, "an offer, with something pending", "an entry");
	must(flag == 0 || PV->isr_words != 0, "an offer, with nothing in service", "an entry");
	compare("an entry");
}

/* The guests acknowledge. The exit that HW's takes is an entry later, which changes nothing. */
static void acknowledge(bool by_register)
{
	struct vapic_effects fx;
	bool trapped = by_register || flag == 0;

	if (trapped)
		drop(vapic_eoi(PV, &fx));
	flag = trapped ? flag : 0;
	drop(vapic_eoi(HW, &fx));
	if (trapped)
		both_enter();
	compare("an EOI");
}

static void post(u32 vector, bool level)
{
	struct vapic_effects fx;
	u64 address = 0xfee00000;
	u32 data = vector | (level ? 0xc000u : 0);

	drop(vapic_msi(&w.vm, address, data, &fx));
	drop(vapic_msi(&w.vm, address | 1 << 12, data, &fx));
}

static void write_both(u32 msr, u64 value)
{
	struct vapic_effects fx;

	drop(vapic_msr_write(PV, msr, value, 0, &fx));
	drop(vapic_msr_write(HW, msr, value, 0, &fx));
	compare("a write");
}

START_TEST(one_is_skipped)
{
	begin();
	post(0x51, false);
	both_enter();
	ck_assert_uint_eq(flag, 1);
	both_enter(); /* an exit in the handler: the offer stands */
	ck_assert_uint_eq(flag, 1);
	acknowledge(false);
	ck_assert_uint_eq(skipped, 0);
	ck_assert_uint_eq(get(PV, 0x812), 0);
	both_enter();
	ck_assert_uint_eq(skipped, 1);
	ck_assert_ptr_null(PV->eoi_flag);
	both_enter();
	ck_assert_uint_eq(skipped, 1);
}
END_TEST

START_TEST(one_that_others_wait_for_is_not)
{
	begin();
	post(0x51, false);
	post(0x41, false);
	both_enter();
	ck_assert_uint_eq(flag, 0);
	acknowledge(false);
	ck_assert_uint_eq(flag, 1); /* 0x41 is alone */
	post(0x40, false);          /* of the same class: its delivery waits for that EOI */
	both_enter();
	ck_assert_uint_eq(flag, 0);
	acknowledge(false);
	ck_assert_uint_eq(skipped, 0);
	ck_assert_uint_eq(get(PV, 0x812), 1);
}
END_TEST

START_TEST(level_is_not)
{
	begin();
	post(0x61, true);
	both_enter();
	ck_assert_uint_eq(flag, 0);
	ck_assert_ptr_null(PV->eoi_flag);
}
END_TEST

/* The flag is cleared for the inner one; then the outer one's EOI traps before anybody looked. */
START_TEST(nested)
{
	begin();
	post(0x51, false);
	both_enter();
	post(0x91, false);
	both_enter();
	ck_assert_uint_eq(flag, 1);
	acknowledge(false);
	acknowledge(false);
	ck_assert_uint_eq(skipped, 1);
	ck_assert_uint_eq(PV->isr_words, 0);
}
END_TEST

START_TEST(reset_takes_it_back)
{
	struct vapic_effects fx;

	for (u32 how = 0; how < 3; how++) {
		begin();
		post(0x51, false);
		both_enter();
		ck_assert_uint_eq(flag, 1);
		if (how == 0)
			drop(vapic_init(PV));
		else if (how == 1)
			drop(vapic_base_write(PV, get(PV, 0x1b) & 0x100));
		else
			vapic_pv_eoi_withdraw(PV);
		ck_assert_uint_eq(flag, 0);
		ck_assert_uint_eq(vapic_pv_eoi_settle(PV, &fx), VAPIC_OK);
	}
}
END_TEST

static u64 seed = 1;

static u32 pick(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

static void random_step(void)
{
	switch (pick(8)) {
	case 0:
	case 1:
		post(0x20 + pick(0xd0), pick(8) == 0);
		break;
	case 2:
	case 3:
		both_enter();
		break;
	case 4:
	case 5:
		acknowledge(false);
		break;
	case 6:
		acknowledge(pick(4) == 0);
		break;
	case 7:
		write_both(0x808, pick(3) == 0 ? pick(256) : 0);
		both_enter();
		break;
	}
}

START_TEST(random_guests)
{
	seed = (u64)_i + 1;
	begin();
	for (u32 i = 0; i < 20000; i++)
		random_step();
	ck_assert_uint_gt(skipped, 100);
}
END_TEST

VAPIC_MAIN("vapic_eoi", { one_is_skipped, 1 }, { one_that_others_wait_for_is_not, 1 },
           { level_is_not, 1 }, { nested, 1 }, { reset_takes_it_back, 1 }, { random_guests, 8 })
