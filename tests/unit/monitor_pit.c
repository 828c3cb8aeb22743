/* SPDX-License-Identifier: MIT */
/* The 8254, port B, the PM timer: values and outputs by time, edges on IOAPIC pin 2. */
#include "tests/unit/monitor_world.h"

/* One tick of the TSC is one clock of the 8254. */
static void setup_clock(void)
{
	setup();
	info.tsc_hz = PIT_HZ;
	page.message.now = 0x100000;
	monitor.now = page.message.now;
}

static void program(u32 counter, u32 control, u32 count)
{
	out(0x43, 1, counter << 6 | control);
	out((u16)(0x40 + counter), 1, count & 0xff);
	out((u16)(0x40 + counter), 1, count >> 8);
}

static u32 count_of(u32 counter)
{
	u32 low;

	out(0x43, 1, counter << 6);
	low = in((u16)(0x40 + counter), 1);
	return low | in((u16)(0x40 + counter), 1) << 8;
}

static void pass(u64 ticks)
{
	page.message.now += ticks;
}

static u32 speaker(void)
{
	return in(0x61, 1) >> 5 & 1;
}

/* How kernels calibrate: gate off, mode 0, gate on, wait for the output. */
START_TEST(calibration)
{
	setup_clock();
	out(0x61, 1, 0);
	program(2, 0x30, 11931);
	ck_assert_uint_eq(speaker(), 0);
	pass(100000);
	ck_assert_uint_eq(speaker(), 0); /* the gate is closed */
	ck_assert_uint_eq(count_of(2), 11931);
	out(0x61, 1, 1);
	ck_assert_uint_eq(in(0x61, 1) & 0xcf, 1);
	pass(11930);
	ck_assert_uint_eq(speaker(), 0);
	ck_assert_uint_eq(count_of(2), 1);
	pass(1);
	ck_assert_uint_eq(speaker(), 1);
	pass(5);
	ck_assert_uint_eq(count_of(2), 0x10000 - 5);
	ck_assert_uint_eq(speaker(), 1);
}
END_TEST

/* A gate that closes stops mode 0, and starts modes 1 and 2 anew when it opens. */
START_TEST(gate)
{
	setup_clock();
	out(0x61, 1, 1);
	program(2, 0x30, 1000);
	pass(400);
	out(0x61, 1, 0);
	pass(10000);
	ck_assert_uint_eq(count_of(2), 600);
	out(0x61, 1, 1);
	pass(600);
	ck_assert_uint_eq(speaker(), 1);

	out(0x61, 1, 0);
	program(2, 0x32, 1000); /* one-shot */
	ck_assert_uint_eq(speaker(), 1);
	pass(5000);
	ck_assert_uint_eq(speaker(), 1);
	out(0x61, 1, 1);
	ck_assert_uint_eq(speaker(), 0);
	pass(999);
	ck_assert_uint_eq(speaker(), 0);
	pass(1);
	ck_assert_uint_eq(speaker(), 1);

	program(2, 0x34, 1000); /* rate generator */
	pass(2400);
	ck_assert_uint_eq(count_of(2), 600);
	out(0x61, 1, 0);
	out(0x61, 1, 1);
	ck_assert_uint_eq(count_of(2), 1000);
	pass(999);
	ck_assert_uint_eq(speaker(), 0);
	pass(1);
	ck_assert_uint_eq(speaker(), 1);
}
END_TEST

START_TEST(square_wave)
{
	setup_clock();
	out(0x61, 1, 1);
	program(2, 0x36, 1000);
	pass(100);
	ck_assert_uint_eq(count_of(2), 800);
	ck_assert_uint_eq(speaker(), 1);
	pass(500);
	ck_assert_uint_eq(count_of(2), 800);
	ck_assert_uint_eq(speaker(), 0);
	pass(400);
	ck_assert_uint_eq(speaker(), 1);
}
END_TEST

START_TEST(access_modes)
{
	setup_clock();
	out(0x43, 1, 0x14); /* counter 0, low byte, mode 2 */
	out(0x40, 1, 200);
	pass(50);
	ck_assert_uint_eq(in(0x40, 1), 150);
	ck_assert_uint_eq(in(0x40, 1), 150);
	out(0x43, 1, 0x24); /* high byte */
	out(0x40, 1, 2);
	pass(256);
	ck_assert_uint_eq(in(0x40, 1), 1);
	program(0, 0x34, 0); /* 65,536 */
	pass(1);
	ck_assert_uint_eq(count_of(0), 0xffff);
	program(0, 0x35, 0x1000); /* BCD */
	pass(1);
	ck_assert_uint_eq(count_of(0), 0x0999);
	ck_assert_uint_eq(in(0x43, 1), 0);
}
END_TEST

/* A latch holds until it is read; status and count by one command, status first. */
START_TEST(latches)
{
	setup_clock();
	program(0, 0x34, 1000);
	pass(10);
	out(0x43, 1, 0x00);
	pass(10);
	out(0x43, 1, 0x00); /* without effect */
	ck_assert_uint_eq(in(0x40, 1) | in(0x40, 1) << 8, 990);
	ck_assert_uint_eq(in(0x40, 1) | in(0x40, 1) << 8, 980);
	out(0x43, 1, 0xc2);
	pass(10);
	ck_assert_uint_eq(in(0x40, 1), 0xb4);
	ck_assert_uint_eq(in(0x40, 1) | in(0x40, 1) << 8, 980);
	out(0x43, 1, 0x34);
	out(0x43, 1, 0xe2);
	ck_assert_uint_eq(in(0x40, 1), 0xf4); /* no count yet */
}
END_TEST

START_TEST(edges)
{
	setup_clock();
	program(0, 0x34, 1000);
	ck_assert_uint_eq(calls.alarms, 0); /* nobody listens */
	set_pin(PIT_PIN, 0x40, 0);
	ck_assert_uint_eq(calls.alarm_ticks, 1001);
	for (u32 i = 1; i <= 3; i++) {
		ring();
		ck_assert_uint_eq(calls.msis, i);
		ck_assert_uint_eq(calls.data & 0xff, 0x40);
		ck_assert_uint_eq(calls.alarm_ticks, 1000);
	}
	/* Late by two periods: one edge, the next in time. */
	pass(2500);
	ring();
	ck_assert_uint_eq(calls.msis, 4);
	ck_assert_uint_eq(calls.alarm_ticks, 500);
	set_pin(PIT_PIN, 0x10040, 0);
	ck_assert_uint_eq(calls.alarm_ticks, 0);
	/* One-shot by mode 0. */
	set_pin(PIT_PIN, 0x40, 0);
	program(0, 0x30, 5000);
	ck_assert_uint_eq(calls.alarm_ticks, 5001);
	ring();
	ck_assert_uint_eq(calls.msis, 5);
	ck_assert_uint_eq(monitor.alarms.due[0][ALARM_PIT], 0);
}
END_TEST

/* However short the period: so many edges a second, no more. */
START_TEST(edges_are_bounded)
{
	setup_clock();
	set_pin(PIT_PIN, 0x40, 0);
	program(0, 0x34, 1);
	ck_assert_uint_eq(calls.alarm_ticks, PIT_HZ / PIT_EDGES_MAX);
}
END_TEST

/* The alarm of the vCPU that wrote last counts; another's that was left over does not. */
START_TEST(one_owner)
{
	setup_clock();
	set_pin(PIT_PIN, 0x40, 0);
	program(0, 0x34, 1000);
	page.message.vcpu = 3;
	program(0, 0x34, 5000);
	pass(1001);
	page.message.vcpu = 0;
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.msis, 0);
	pass(4000);
	page.message.vcpu = 3;
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.msis, 1);
}
END_TEST

START_TEST(firmware_state)
{
	setup_clock();
	pass(0x123);
	ck_assert_uint_eq(count_of(0), 0x10000 - 2 * 0x123);
	ck_assert_uint_eq(in(0x61, 1) & 0x0f, 0);
}
END_TEST

START_TEST(pm_timer)
{
	setup();
	info.tsc_hz = 3579545;
	page.message.now = 0x1234567;
	ck_assert_uint_eq(in(0x608, 4), 0x234567);
	ck_assert_uint_eq(in(0x609, 1), 0x45);
	info.tsc_hz = 2000000000;
	page.message.now = ~0ull; /* without overflow */
	ck_assert_uint_eq(in(0x608, 4),
	                  (u64)((unsigned __int128)~0ull * 3579545 / 2000000000) & 0xffffff);
}
END_TEST

START_TEST(crt)
{
	setup();
	out(0x3d4, 2, 0x120e);
	out(0x3d4, 1, 0x0f);
	out(0x3d5, 1, 0x34);
	ck_assert_uint_eq(in(0x3d4, 1), 0x0f);
	ck_assert_uint_eq(in(0x3d5, 1), 0x34);
	out(0x3d4, 1, 0x2e); /* of 32 registers */
	ck_assert_uint_eq(in(0x3d5, 1), 0x12);
}
END_TEST

RING3_MAIN("monitor_pit", calibration, gate, square_wave, access_modes, latches, edges,
           edges_are_bounded, one_owner, firmware_state, pm_timer, crt)
