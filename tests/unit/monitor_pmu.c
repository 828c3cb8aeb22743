/* SPDX-License-Identifier: MIT */
/* The counters of cycles, and the alarms that tell of their overflow. */
#include "tests/unit/main.h"
#include "tests/unit/monitor_world.h"

#define PMC      0xc1u
#define EVENTSEL 0x186u
#define STATUS   0x38eu
#define CONTROL  0x38fu
#define CLEAR    0x390u
#define WIDTH    BITS(47, 0)

#define CYCLES (0x3cull | BIT(16) | BIT(17))
#define INT    BIT(20)
#define ENABLE BIT(22)

static struct vcpu_counters *counted(u32 vcpu)
{
	return (struct vcpu_counters *)(void *)(counters + vcpu * COUNTERS_STRIDE);
}

/* The vCPU of the messages runs in the guest for so long. */
static void run(u64 ticks)
{
	page.message.now += ticks;
	counted(page.message.vcpu)->time[TIME_GUEST] += ticks;
}

/* It is away. */
static void pass(u64 ticks)
{
	page.message.now += ticks;
	counted(page.message.vcpu)->time[TIME_BLOCKED] += ticks;
}

static u64 get(u32 msr)
{
	ck_assert(message(MSG_MSR, msr, 8, false, 0));
	ck_assert(claimed());
	return page.reply.value;
}

static bool set(u32 msr, u64 value)
{
	ck_assert(message(MSG_MSR, msr, 8, true, value));
	return claimed();
}

static void run_to_alarm(void)
{
	run(calls.alarm_ticks);
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
}

START_TEST(counts_time_in_the_guest)
{
	setup();
	run(1000);
	ck_assert_uint_eq(get(PMC), 0);
	ck_assert(set(EVENTSEL, CYCLES | ENABLE));
	run(500);
	pass(7000);
	ck_assert_uint_eq(get(PMC), 500);
	ck_assert_uint_eq(get(PMC + 1), 0);
	ck_assert(set(EVENTSEL + 1, 0x13c | BIT(16) | BIT(17) | ENABLE));
	run(30);
	ck_assert(set(EVENTSEL, CYCLES)); /* stopped: keeps its value */
	run(4);
	ck_assert_uint_eq(get(PMC), 530);
	ck_assert_uint_eq(get(PMC + 1), 34);
	ck_assert_uint_eq(get(EVENTSEL), CYCLES);
	ck_assert_uint_eq(calls.alarms, 0); /* nobody wants to be told */
	/* Each vCPU has its own. */
	page.message.vcpu = 3;
	run(99);
	ck_assert_uint_eq(get(PMC + 1), 0);
	ck_assert(set(EVENTSEL + 1, CYCLES | ENABLE));
	run(5);
	ck_assert_uint_eq(get(PMC + 1), 5);
	page.message.vcpu = 0;
	ck_assert_uint_eq(get(PMC + 1), 34);
}
END_TEST

START_TEST(other_events_stand_still)
{
	static const u64 events[] = {
		0xc0 | BIT(16) | BIT(17), /* instructions */
		0x3c | BIT(16),           /* of ring 3 alone */
		0x3c | BIT(17),           /* of the kernel alone */
		0x3c,                     /* of nobody */
		CYCLES | BIT(18),         /* edges */
		CYCLES | BIT(24),         /* cycles with at least one */
		CYCLES | BIT(24) | BIT(23),
		0x23c | BIT(16) | BIT(17), /* another unit mask */
		CYCLES & ~BIT(2),
		CYCLES << 1, /* nothing */
	};

	for (u32 i = 0; i < ARRAY_SIZE(events); i++) {
		setup();
		ck_assert(set(EVENTSEL, (events[i] & BITS(31, 0)) | ENABLE | INT));
		run(1000);
		ck_assert_msg(get(PMC) == 0, "case %u", i);
		ck_assert_uint_eq(calls.alarms, 0);
	}
	setup();
	ck_assert(!set(EVENTSEL, BIT(21))); /* AnyThread: not in version 1 */
	ck_assert(!set(EVENTSEL, BIT(32)));
	ck_assert(set(EVENTSEL, CYCLES | BIT(19) | ENABLE)); /* pin control: nothing to see */
	run(3);
	ck_assert_uint_eq(get(PMC), 3);
	ck_assert(set(EVENTSEL, CYCLES | BIT(23) | ENABLE)); /* INV of no counter mask: ignored */
	run(4);
	ck_assert_uint_eq(get(PMC), 7);
}
END_TEST

START_TEST(writes_extend_the_sign)
{
	static const struct {
		u64 write, read;
	} cases[] = {
		{ 0, 0 },
		{ 0x7fffffff, 0x7fffffff },
		{ 0x80000000, 0xffff80000000 },
		{ 0xfffffffff, 0xffffffffffff }, /* what is above 32 bits does not count */
		{ 0x1200000034, 0x34 },
	};

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert(set(PMC + 1, cases[i].write));
		ck_assert_uint_eq(get(PMC + 1), cases[i].read);
	}
}
END_TEST

/* All may count at first; a clear bit stops the counter, whatever its select says. */
START_TEST(global_control)
{
	setup();
	ck_assert_uint_eq(get(CONTROL), 3);
	ck_assert(set(EVENTSEL, CYCLES | ENABLE));
	ck_assert(set(EVENTSEL + 1, CYCLES | ENABLE));
	run(100);
	ck_assert(set(CONTROL, 2));
	ck_assert_uint_eq(get(CONTROL), 2);
	run(20);
	ck_assert_uint_eq(get(PMC), 100);
	ck_assert_uint_eq(get(PMC + 1), 120);
	ck_assert(set(CONTROL, 0));
	run(7);
	ck_assert(set(CONTROL, 3));
	run(1);
	ck_assert_uint_eq(get(PMC), 101);
	ck_assert_uint_eq(get(PMC + 1), 121);
	for (u32 bit = 2; bit < 64; bit++) /* no counter, fixed or not */
		ck_assert(!set(CONTROL, BIT(bit)));
	ck_assert(set(CONTROL, 1));
	page.message.vcpu = 3; /* each has its own */
	ck_assert_uint_eq(get(CONTROL), 3);
}
END_TEST

/* An overflow is noted until it is cleared, also where nobody is to be told. */
START_TEST(global_status)
{
	setup();
	ck_assert_uint_eq(get(STATUS), 0);
	ck_assert(set(PMC + 1, 0xfffffff0));
	ck_assert(set(EVENTSEL + 1, CYCLES | ENABLE));
	run(15);
	ck_assert_uint_eq(get(STATUS), 0);
	run(1);
	ck_assert_uint_eq(get(STATUS), 2);
	ck_assert_uint_eq(calls.pmis, 0);
	ck_assert(!set(STATUS, 0));
	ck_assert(set(CLEAR, 1));
	ck_assert_uint_eq(get(STATUS), 2);
	ck_assert(set(CLEAR, BIT(63) | BIT(62) | 2));
	ck_assert_uint_eq(get(STATUS), 0);
	ck_assert_uint_eq(get(CLEAR), 0);
	for (u32 bit = 2; bit < 62; bit++)
		ck_assert(!set(CLEAR, BIT(bit)));
}
END_TEST

/* As Linux does it: the negative number of cycles, then INT and enable. */
static void arm(u32 n, u32 cycles)
{
	ck_assert(set(PMC + n, (u32)-cycles));
	ck_assert(set(EVENTSEL + n, CYCLES | INT | ENABLE));
}

START_TEST(overflow_is_told_once)
{
	setup();
	arm(0, 100000);
	ck_assert_uint_ge(calls.alarm_ticks, 100000);
	ck_assert_uint_le(calls.alarm_ticks, 110000);
	run(calls.alarm_ticks);
	ck_assert_uint_eq(calls.pmis, 0);
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.pmis, 1);
	ck_assert_uint_lt(get(PMC), 10000);
	run(1000000);
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0)); /* the console's */
	ck_assert_uint_eq(calls.pmis, 1);
	/* A counter read behind its overflow tells of it too. */
	arm(1, 50);
	run(50);
	ck_assert_uint_eq(get(PMC + 1), 0);
	ck_assert_uint_eq(calls.pmis, 2);
	/* And one that was stopped in time does not. */
	ck_assert_uint_eq(get(STATUS), 3);
	arm(1, 5000);
	ck_assert(set(CONTROL, 1)); /* counter 0 has far to go */
	ck_assert_uint_ge(calls.alarm_ticks, 1000000);
	ck_assert(set(CONTROL, 3));
	ck_assert_uint_le(calls.alarm_ticks, 15000);
	run(4999);
	ck_assert(set(EVENTSEL + 1, 0));
	ck_assert(set(EVENTSEL, 0));
	ck_assert_uint_eq(calls.alarm_ticks, 0);
	run(100000);
	ck_assert_uint_eq(get(PMC + 1), WIDTH);
	ck_assert_uint_eq(calls.pmis, 2);
}
END_TEST

START_TEST(the_nearer_one_has_the_alarm)
{
	setup();
	arm(0, 1000000);
	arm(1, 20000);
	ck_assert_uint_le(calls.alarm_ticks, 30000);
	run_to_alarm();
	ck_assert_uint_eq(calls.pmis, 1);
	ck_assert_uint_ge(calls.alarm_ticks, 970000);
	run_to_alarm();
	ck_assert_uint_eq(calls.pmis, 2);
}
END_TEST

/* Halted for minutes, a few ticks before the end: it is looked at seldom, and told in the end. */
START_TEST(halted_vcpu_is_left_alone)
{
	u32 looks = 0;

	setup();
	arm(0, 20000);
	run(19900);
	ck_assert_uint_eq(get(PMC), WIDTH - 99);
	for (u64 begin = page.message.now; page.message.now < begin + 60 * HZ; looks++) {
		pass(calls.alarm_ticks);
		ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	}
	ck_assert_uint_le(looks, 17 * 60);
	ck_assert_uint_eq(calls.pmis, 0);
	run_to_alarm();
	ck_assert_uint_eq(calls.pmis, 1);
}
END_TEST

/* Both devices that want to be woken, on one thread and on two. */
START_TEST(alarms_share_a_thread)
{
	setup();
	arm(0, 1000000);
	ck_assert_uint_ge(calls.alarm_ticks, 1000000);
	calls.accepted = 0;
	set_pin(9, 0x8055, 0);
	out(0x2009, 1, 1);
	ck_assert_uint_eq(calls.msis, 1);
	ck_assert_uint_eq(calls.alarm_ticks, HZ / IOAPIC_TRIES_PER_SECOND);
	run(calls.alarm_ticks);
	calls.accepted = 1;
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.msis, 2);
	ck_assert_uint_eq(calls.pmis, 0);
	ck_assert_uint_ge(calls.alarm_ticks, 1000000 - HZ / IOAPIC_TRIES_PER_SECOND);
	/* The console's signal takes ring 0's alarm with it: it is asked for again. */
	run(1000);
	calls.alarm_ticks = 0;
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_ge(calls.alarm_ticks, 900000);
	/* Another thread's are its own. */
	page.message.vcpu = 2;
	run(2000000);
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.pmis, 0);
	page.message.vcpu = 0;
	run(2000000);
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.pmis, 1);
}
END_TEST

UNIT_MAIN("monitor_pmu", 60, { counts_time_in_the_guest, 1 }, { other_events_stand_still, 1 },
          { writes_extend_the_sign, 1 }, { global_control, 1 }, { global_status, 1 },
          { overflow_is_told_once, 1 }, { the_nearer_one_has_the_alarm, 1 },
          { halted_vcpu_is_left_alone, 1 }, { alarms_share_a_thread, 1 })
