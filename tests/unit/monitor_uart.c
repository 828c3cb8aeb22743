/* SPDX-License-Identifier: MIT */
/* The monitor's 16550s. */
#include "tests/unit/monitor_world.h"

static void print(u16 base, const char *text)
{
	for (; *text != 0; text++) {
		ck_assert_uint_ne(in((u16)(base + 5), 1) & 0x20, 0);
		out(base, 1, (u8)*text);
	}
}

START_TEST(uart_output)
{
	u8 bytes[16];
	bool stalled;

	setup();
	print(0x3f8, "hello");
	ck_assert_uint_eq(calls.outputs, 0);
	print(0x3f8, "\n");
	ck_assert_uint_eq(calls.outputs, 1);
	print(0x2f8, "x");
	ck_assert_uint_eq(ring_get(&console.out[CONSOLE_COM1], bytes, 16, &stalled), 6);
	ck_assert_int_eq(memcmp(bytes, "hello\n", 6), 0);
	ck_assert(!stalled);
	ck_assert_uint_eq(ring_get(&console.out[CONSOLE_COM2], bytes, 16, &stalled), 1);
	ck_assert_uint_eq(calls.msis, 0);
}
END_TEST

START_TEST(uart_backpressure)
{
	u8 bytes[128];
	bool stalled;
	u32 n = 0;

	setup();
	while ((in(0x3fd, 1) & 0x20) != 0) {
		out(0x3f8, 1, 'x');
		n++;
	}
	ck_assert_uint_eq(n, BYTE_RING_SIZE - BYTE_RING_LOW + 1);
	ck_assert_uint_eq(calls.outputs, 1); /* at half */
	for (; n < BYTE_RING_SIZE; n++)
		out(0x3f8, 1, 'x');
	/* Not one more: the message is to be repeated, and is dropped only at last. */
	ck_assert(!message(MSG_IO, 0x3f8, 1, true, 'y'));
	ck_assert(!message(MSG_IO, 0x3f7, 2, true, 'y' << 8));
	ck_assert(monitor_handle(&monitor, &sys, true));
	ck_assert_uint_eq(monitor.output_lost, 1);
	ck_assert_uint_eq(ring_get(&console.out[CONSOLE_COM1], bytes, 128, &stalled), 128);
	ck_assert(stalled);
	ck_assert(message(MSG_IO, 0x3f8, 1, true, 'y'));
	ck_assert_uint_ne(in(0x3fd, 1) & 0x20, 0);
}
END_TEST

START_TEST(uart_input)
{
	setup();
	ck_assert_uint_eq(in(0x3fd, 1) & 1, 0);
	ck_assert(ring_put(&console.in[CONSOLE_COM1], 'a'));
	ck_assert(ring_put(&console.in[CONSOLE_COM1], 'b'));
	ck_assert_uint_eq(in(0x3fd, 1) & 1, 1);
	ck_assert_uint_eq(in(0x3f8, 1), 'a');
	ck_assert_uint_eq(in(0x3f8, 1), 'b');
	ck_assert_uint_eq(in(0x3f8, 1), 0);
	ck_assert_uint_eq(in(0x3fd, 1) & 1, 0);
}
END_TEST

/* A break shows until its character, a zero, is read; it comes before what was typed. */
START_TEST(uart_break)
{
	setup();
	out(0x3f9, 1, 0x05); /* received data, line status */
	ck_assert(ring_put(&console.in[CONSOLE_COM1], 'h'));
	console.breaks = 1;
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(in(0x3fa, 1) & 0xf, 0x06);
	ck_assert_uint_eq(in(0x3fd, 1), 0x71);
	ck_assert_uint_eq(in(0x3fd, 1), 0x71);
	ck_assert_uint_eq(in(0x3f8, 1), 0);
	ck_assert_uint_eq(in(0x3fa, 1) & 0xf, 0x04);
	ck_assert_uint_eq(in(0x3fd, 1), 0x61);
	ck_assert_uint_eq(in(0x3f8, 1), 'h');
	ck_assert_uint_eq(in(0x3fa, 1) & 0xf, 0x01);
	/* Nothing new: nothing. Loopback does not see it. */
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
	console.breaks = 7;
	out(0x3fc, 1, 0x10);
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
	out(0x3fc, 1, 0);
	ck_assert_uint_eq(in(0x3fd, 1), 0x71);
	ck_assert_uint_eq(in(0x2fd, 1), 0x60);
}
END_TEST

START_TEST(uart_registers)
{
	setup();
	out(0x3fb, 1, 0x83);
	out(0x3f8, 1, 1);
	out(0x3f9, 1, 2);
	ck_assert_uint_eq(in(0x3f8, 2), 0x201);
	out(0x3fb, 1, 0x03);
	ck_assert_uint_eq(in(0x3f9, 1), 0);
	out(0x3ff, 1, 0x5a);
	ck_assert_uint_eq(in(0x3ff, 1), 0x5a);
	ck_assert_uint_eq(in(0x3fa, 1), 0x01);
	out(0x3fa, 1, 0x01);
	ck_assert_uint_eq(in(0x3fa, 1), 0xc1);
	ck_assert_uint_eq(in(0x3fe, 1), 0xb0);
	/* Loopback: what drivers probe with. */
	out(0x3fc, 1, 0x1a);
	ck_assert_uint_eq(in(0x3fe, 1), 0x90);
	out(0x3f8, 1, 'q');
	ck_assert_uint_eq(in(0x3fd, 1) & 1, 1);
	ck_assert_uint_eq(in(0x3f8, 1), 'q');
	for (u32 i = 0; i < 40; i++)
		out(0x3f8, 1, i);
	for (u32 i = 0; i < 16; i++)
		ck_assert_uint_eq(in(0x3f8, 1), i);
	ck_assert_uint_eq(in(0x3fd, 1) & 1, 0);
	ck_assert_uint_eq(ring_used(&console.out[CONSOLE_COM1]), 0);
}
END_TEST

START_TEST(uart_interrupts)
{
	setup();
	set_pin(4, 0x31, 3u << 24);
	out(0x3f9, 1, 0x03);
	ck_assert_uint_eq(calls.msis, 0); /* OUT2 is off */
	out(0x3fc, 1, 0x0b);
	ck_assert_uint_eq(calls.msis, 1); /* the transmitter is empty */
	ck_assert_uint_eq(calls.address, 0xfee03000);
	ck_assert_uint_eq(calls.data, 0x4031);
	ck_assert_uint_eq(in(0x3fa, 1), 0x02);
	ck_assert_uint_eq(in(0x3fa, 1), 0x01); /* reading acknowledges */
	out(0x3f8, 1, 'x');
	out(0x3f8, 1, 'x');
	ck_assert_uint_eq(calls.msis, 3); /* an edge for each character */
	(void)in(0x3fa, 1);
	ck_assert(ring_put(&console.in[CONSOLE_COM1], 'a'));
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.msis, 4);
	ck_assert_uint_eq(in(0x3fa, 1), 0x04);
	ck_assert_uint_eq(in(0x3f8, 1), 'a');
	ck_assert_uint_eq(in(0x3fa, 1), 0x01);
}
END_TEST

/* The interrupt that a full ring withholds comes when root has made room. */
START_TEST(uart_stalled_interrupt)
{
	u8 bytes[256];
	bool stalled;

	setup();
	set_pin(4, 0x31, 0);
	out(0x3fc, 1, 0x08);
	out(0x3f9, 1, 0x02);
	for (u32 i = 0; i < BYTE_RING_SIZE; i++)
		out(0x3f8, 1, 'x');
	calls.msis = 0;
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.msis, 0);
	ck_assert_uint_eq(in(0x3fa, 1), 0x01);
	(void)ring_get(&console.out[CONSOLE_COM1], bytes, 256, &stalled);
	ck_assert(stalled);
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
	ck_assert_uint_eq(calls.msis, 1);
	ck_assert_uint_eq(in(0x3fa, 1), 0x02);
}
END_TEST

RING3_MAIN("monitor_uart", uart_output, uart_backpressure, uart_input, uart_break, uart_registers,
           uart_interrupts, uart_stalled_interrupt)
