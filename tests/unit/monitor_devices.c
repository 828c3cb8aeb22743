/* SPDX-License-Identifier: MIT */
/* The monitor's devices but the UART, and its answers as a whole. */
#include "tests/unit/monitor_world.h"

#include "hv/abi/image_error.h"

/* --- ports --- */

START_TEST(unclaimed)
{
	u64 value;

	setup();
	ck_assert_uint_eq(in(0x20, 1), 0xff);
	ck_assert(!claimed());
	ck_assert_uint_eq(in(0x20, 2), 0xffff);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	ck_assert(!claimed());
	out(0x20, 1, 0x11);
	ck_assert(!claimed());
	ck_assert_uint_eq(page.reply.action, REPLY_RESUME);
	(void)in(0x3fd, 1);
	ck_assert(claimed());
	ck_assert_uint_eq(in(0x61, 1) & 0xe0,
	                  0x20); /* no SERR, no IOCHK: Linux asks after an NMI */
	ck_assert(claimed());
	/* Half of it is there. */
	ck_assert_uint_eq(in(0x71, 2) & 0xff00, 0xff00);
	ck_assert(claimed());
	memory_in_use();
	ck_assert(!memory_read(&monitor, 0xfed00000, 8, &value));
	ck_assert_uint_eq(value, ~0ull);
	ck_assert(!memory_write(&monitor, 0xfed00000, 8, 0));
}
END_TEST

START_TEST(every_port_every_size)
{
	setup();
	for (u32 size = 1; size <= 4; size *= 2) {
		for (u32 port = 0; port <= 0xffff; port++) {
			ck_assert(message(MSG_IO, port, size, false, 0));
			ck_assert_uint_eq(page.reply.value >> 8 * size, 0);
			ck_assert(message(MSG_IO, port, size, true, 0x01010101));
		}
	}
}
END_TEST

START_TEST(ends)
{
	static const struct {
		u16 port;
		u32 size, value, action, stop;
	} cases[] = {
		{ 0xf4, 4, 0x12345, REPLY_STOP, END_DEBUG_EXIT },
		{ 0xf4, 1, 0, REPLY_STOP, END_DEBUG_EXIT },
		{ 0x64, 1, 0xfe, REPLY_RESET, END_RESET },
		{ 0x64, 1, 0xd1, REPLY_RESUME, END_NONE },
		{ 0x92, 1, 0x02, REPLY_RESUME, END_NONE },
		{ 0x92, 1, 0x03, REPLY_RESET, END_RESET },
		{ 0xcf9, 1, 0x02, REPLY_RESUME, END_NONE },
		{ 0xcf9, 1, 0x06, REPLY_RESET, END_RESET },
		{ 0xcf8, 4, 0x80000400, REPLY_RESUME, END_NONE },
		{ 0xcf8, 4, ~0u, REPLY_RESUME, END_NONE },
		{ 0xcf8, 2, 0x0600, REPLY_RESUME, REPLY_UNCLAIMED },
		{ 0xcf9, 2, 0x06, REPLY_RESUME, REPLY_UNCLAIMED },
		{ 0xcf6, 4, ~0u, REPLY_RESUME, REPLY_UNCLAIMED },
		{ 0x600, 1, 0x34, REPLY_STOP, END_POWER_OFF },
		{ 0x600, 1, 0x30, REPLY_RESUME, END_NONE },
		{ 0x604, 2, 0x2000, REPLY_STOP, END_POWER_OFF },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		setup();
		out(cases[i].port, cases[i].size, cases[i].value);
		ck_assert_msg(page.reply.action == cases[i].action &&
		                      page.reply.stop == cases[i].stop,
		              "case %u", i);
	}
	setup();
	out(0xf4, 4, 0x12345);
	ck_assert_uint_eq(page.reply.value, 0x12345);
}
END_TEST

/* What probing for PCI does: the latch keeps 32 bits, at no other width, and nothing is behind it.
 */
START_TEST(pci_address)
{
	setup();
	ck_assert_uint_eq(in(0xcf8, 4), 0);
	out(0xcf8, 4, 0x80001234);
	ck_assert(claimed());
	ck_assert_uint_eq(in(0xcf8, 4), 0x80001234);
	out(0xcf8, 1, 0x55);
	ck_assert(!claimed());
	out(0xcfa, 2, 0x5555);
	out(0xcf9, 1, 0x02);
	ck_assert(claimed());
	ck_assert_uint_eq(in(0xcf8, 4), 0x80001234);
	ck_assert_uint_eq(in(0xcf9, 1), 0x02);
	ck_assert_uint_eq(in(0xcf8, 1), 0xff);
	ck_assert_uint_eq(in(0xcf8, 2), 0xffff);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	ck_assert(!claimed());
}
END_TEST

START_TEST(fwcfg)
{
	static const struct {
		u16 key;
		u64 value;
	} items[] = {
		{ 0, 0x554d4551 }, { 1, 1 }, { 3, MEMORY }, { 5, 5 }, { 15, 5 }, { 0x19, 0 }
	};

	setup();
	for (u32 i = 0; i < ARRAY_SIZE(items); i++) {
		u64 value = 0;

		out(0x510, 2, items[i].key);
		for (u32 byte = 0; byte < 8; byte++)
			value |= (u64)in(0x511, 1) << 8 * byte;
		ck_assert_uint_eq(value, items[i].value);
		ck_assert_uint_eq(in(0x511, 1), 0);
	}
}
END_TEST

static u32 cmos(u32 index)
{
	out(0x70, 1, index);
	return in(0x71, 1);
}

START_TEST(cmos_memory)
{
	setup();
	ck_assert_uint_eq(cmos(0x15) | cmos(0x16) << 8, 640);
	ck_assert_uint_eq(cmos(0x17) | cmos(0x18) << 8, 31 * 1024);
	ck_assert_uint_eq(cmos(0x34) | cmos(0x35) << 8, 16 * 16);
	ck_assert_uint_eq(cmos(0x5f), 4);
	out(0x70, 1, 0x8f); /* with NMIs off */
	out(0x71, 1, 0x0a);
	ck_assert_uint_eq(cmos(0x0f), 0x0a);
}
END_TEST

START_TEST(cmos_clock)
{
	setup();
	page.message.now = (u64)HZ * (31 * 86400 + 13 * 3600 + 4 * 60 + 59);
	ck_assert_uint_eq(cmos(0x00), 0x59);
	ck_assert_uint_eq(cmos(0x02), 0x04);
	ck_assert_uint_eq(cmos(0x04), 0x13);
	ck_assert_uint_eq(cmos(0x07), 0x01);
	ck_assert_uint_eq(cmos(0x08), 0x02);
	ck_assert_uint_eq(cmos(0x09), 0x26);
	ck_assert_uint_eq(cmos(0x32), 0x20);
	ck_assert_uint_eq(cmos(0x06), 1); /* 1 February 2026 is a Sunday */
	out(0x70, 1, 0x0b);
	out(0x71, 1, 0xff);
	ck_assert_uint_eq(cmos(0x0b), 0x06);
	ck_assert_uint_eq(cmos(0x00), 59);
	page.message.now = 0;
}
END_TEST

START_TEST(dates)
{
	static const struct {
		u64 seconds;
		u32 year, month, day, weekday;
	} cases[] = {
		{ 0, 1970, 1, 1, 5 },           { 951782400, 2000, 2, 29, 3 },
		{ 1709164800, 2024, 2, 29, 5 }, { 1709251200, 2024, 3, 1, 6 },
		{ 4107542400, 2100, 3, 1, 2 },  { 1767225599, 2025, 12, 31, 4 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cmos_date d = cmos_date(cases[i].seconds);

		ck_assert_msg(d.year == cases[i].year && d.month == cases[i].month &&
		                      d.day == cases[i].day && d.weekday == cases[i].weekday,
		              "case %u: %u-%u-%u, %u", i, d.year, d.month, d.day, d.weekday);
	}
}
END_TEST

/* --- IOAPIC --- */

START_TEST(ioapic_registers)
{
	setup();
	ck_assert_uint_eq(io_read(1), 0x00170020);
	io_write(0, 0xff000000);
	ck_assert_uint_eq(io_read(0), 0x0f000000);
	for (u32 pin = 0; pin < 24; pin++) {
		ck_assert_uint_eq(io_read(0x10 + 2 * pin), 0x10000);
		set_pin(pin, 0xffffffff, 0xffffffff);
		ck_assert_uint_eq(io_read(0x10 + 2 * pin), 0x1afff);
		ck_assert_uint_eq(io_read(0x11 + 2 * pin), 0xff000000);
	}
	io_write(0x40, 0);
	ck_assert_uint_eq(io_read(0x40), 0);
	ck_assert_uint_eq(calls.msis, 0);
}
END_TEST

static void line(u32 pin, bool high)
{
	out((u16)(0x2000 + pin), 1, high);
}

START_TEST(ioapic_edge)
{
	setup();
	line(7, true); /* masked: lost */
	line(7, false);
	set_pin(7, 0x0907, 0x12000000); /* logical, lowest priority */
	ck_assert_uint_eq(calls.msis, 0);
	line(7, true);
	line(7, true);
	ck_assert_uint_eq(calls.msis, 1);
	ck_assert_uint_eq(calls.address, 0xfee1200c);
	ck_assert_uint_eq(calls.data, 0x4107);
	ck_assert(message(MSG_EOI, 0, 0, false, 7));
	ck_assert_uint_eq(calls.msis, 1);
	line(7, false);
	line(7, true);
	ck_assert_uint_eq(calls.msis, 2);
}
END_TEST

START_TEST(ioapic_level)
{
	setup();
	set_pin(9, 0x8055, 0);
	line(9, true);
	ck_assert_uint_eq(calls.msis, 1);
	ck_assert_uint_eq(calls.data, 0xc055);
	ck_assert_uint_eq(io_read(0x22) & 0x4000, 0x4000);
	line(9, false);
	line(9, true); /* remote IRR holds it back */
	ck_assert_uint_eq(calls.msis, 1);
	ck_assert(message(MSG_EOI, 0, 0, false, 0x54)); /* another vector's */
	ck_assert_uint_eq(calls.msis, 1);
	ck_assert(message(MSG_EOI, 0, 0, false, 0x55)); /* still high: again */
	ck_assert_uint_eq(calls.msis, 2);
	line(9, false);
	ck_assert(message(MSG_EOI, 0, 0, false, 0x55));
	ck_assert_uint_eq(calls.msis, 2);
	ck_assert_uint_eq(io_read(0x22) & 0x4000, 0);
	/* Masked while high; unmasked later. */
	set_pin(9, 0x18055, 0);
	line(9, true);
	ck_assert_uint_eq(calls.msis, 2);
	set_pin(9, 0x8055, 0);
	ck_assert_uint_eq(calls.msis, 3);
	/* The EOI register serves as well. */
	memory_in_use();
	ck_assert(memory_write(&monitor, 0xfec00040, 4, 0x55));
	ck_assert_uint_eq(calls.msis, 4);
	/* Nobody accepts: remote IRR stays clear. */
	line(9, false);
	ck_assert(message(MSG_EOI, 0, 0, false, 0x55));
	calls.accepted = 0;
	line(9, true);
	ck_assert_uint_eq(calls.msis, 5);
	ck_assert_uint_eq(io_read(0x22) & 0x4000, 0);
}
END_TEST

/* What has no vector is an edge, whatever the entry says: no remote IRR, and nothing waits. */
START_TEST(ioapic_modes_without_levels)
{
	for (u32 mode = 2; mode < 8; mode++) {
		setup();
		set_pin(18, 0x8055 | mode << 8, 0);
		for (u32 i = 1; i <= 3; i++) {
			line(18, true);
			ck_assert_uint_eq(calls.msis, i);
			ck_assert_uint_eq(calls.data, 0x4055 | mode << 8);
			ck_assert_uint_eq(io_read(0x34), 0x8055 | mode << 8);
			ck_assert(message(MSG_EOI, 0, 0, false, 0x55));
			line(18, false);
		}
		ck_assert_uint_eq(calls.msis, 3);
		/* Nor does one stay from before, when it was a level. */
		set_pin(18, 0x8055, 0);
		line(18, true);
		ck_assert_uint_eq(io_read(0x34), 0xc055);
		set_pin(18, 0x8055 | mode << 8, 0);
		ck_assert_uint_eq(io_read(0x34), 0x8055 | mode << 8);
		ck_assert_uint_eq(calls.alarms, 0);
	}
}
END_TEST

/* A level that nobody accepts is tried again until somebody does, or it falls, or is masked. */
START_TEST(ioapic_nobody_accepts)
{
	setup();
	calls.accepted = 0;
	set_pin(9, 0x8055, 0);
	line(9, true);
	for (u32 i = 1; i <= 3; i++) {
		ck_assert_uint_eq(calls.msis, i);
		ck_assert_uint_eq(calls.alarms, i);
		ck_assert_uint_eq(calls.alarm_ticks, HZ / IOAPIC_TRIES_PER_SECOND);
		ck_assert_uint_eq(io_read(0x22), 0x8055);
		ring();
	}
	calls.accepted = 1;
	ring();
	ck_assert_uint_eq(calls.msis, 5);
	ck_assert_uint_eq(calls.alarms, 4);
	ck_assert_uint_eq(io_read(0x22), 0xc055);
	ring();
	ck_assert_uint_eq(calls.msis, 5);

	calls.accepted = 0;
	ck_assert(message(MSG_EOI, 0, 0, false, 0x55));
	ck_assert_uint_eq(calls.msis, 6);
	io_write(0x22, 0x18055);
	ring();
	ck_assert_uint_eq(calls.msis, 6);
	io_write(0x22, 0x8055);
	ck_assert_uint_eq(calls.msis, 7);
	line(9, false);
	ring();
	ck_assert_uint_eq(calls.msis, 7);
	ck_assert_uint_eq(calls.alarms, 6);
	/* An edge is not: it is over. */
	io_write(0x22, 0x55);
	line(9, true);
	ring();
	ck_assert_uint_eq(calls.msis, 8);
	ck_assert_uint_eq(calls.alarms, 6);
}
END_TEST

/* A handler that never silences its device gets the interrupt at a bounded rate. */
START_TEST(ioapic_storm)
{
	setup();
	set_pin(9, 0x8055, 0);
	line(9, true);
	for (u32 i = 0; i < 10 * IOAPIC_STORM_LIMIT; i++)
		ck_assert(message(MSG_EOI, 0, 0, false, 0x55));
	ck_assert_uint_eq(calls.msis, IOAPIC_STORM_LIMIT);
	ck_assert_uint_eq(calls.alarms, 1);
	ck_assert_uint_eq(calls.alarm_ticks, IOAPIC_STORM_TICKS);
	ring();
	ck_assert_uint_eq(calls.msis, IOAPIC_STORM_LIMIT + 1);
	ring();
	ck_assert_uint_eq(calls.msis, IOAPIC_STORM_LIMIT + 1);
}
END_TEST

/* --- the message that starts a guest, and those that mean nothing --- */

START_TEST(start_message)
{
	static const char line[] = "segment 0x100000 to 0x2fffff\n";
	static u8 memory[0x200000];
	static u32 image[128];

	setup();
	monitor.memory = (struct guest_memory){ memory, sizeof(memory) };
	monitor.image = (struct view){ (const u8 *)image, sizeof(image) };
	ck_assert(message(MSG_START, 0, 0, false, 0));
	ck_assert_uint_eq(page.reply.action, REPLY_STOP);
	ck_assert_uint_eq(page.reply.stop, END_IMAGE);
	ck_assert_uint_eq(page.reply.value, IMAGE_UNKNOWN);
	ck_assert_uint_eq(ring_used(&console.out[CONSOLE_COM1]), 0);
	image[0] = 0x1badb002;
	image[1] = 1u << 16;
	image[2] = 0u - image[0] - image[1];
	image[3] = image[4] = image[7] = 0x100000;
	image[6] = 0x300000; /* the end of .bss, beyond the memory: said with its address */
	ck_assert(message(MSG_START, 0, 0, false, 0));
	ck_assert_uint_eq(page.reply.value, IMAGE_OUTSIDE_MEMORY);
	ck_assert_uint_eq(ring_used(&console.out[CONSOLE_COM1]), sizeof(line) - 1);
	ck_assert_mem_eq(console.out[CONSOLE_COM1].data, line, sizeof(line) - 1);
	ck_assert_uint_eq(calls.outputs, 1);
	image[6] = 0;
	ck_assert(message(MSG_START, 0, 0, false, 0));
	ck_assert_uint_eq(page.reply.action, REPLY_START);
	ck_assert_uint_eq(page.reply.start.rip, 0x100000);
	ck_assert_uint_eq(page.reply.start.rax, 0x2badb002);
	ck_assert_uint_eq(memory[0x100000], 0x02);
	for (u32 kind = MSG_SIGNAL + 1; kind < 20; kind++) {
		ck_assert(message(kind, 0, 0, false, 0));
		ck_assert_uint_eq(page.reply.action, REPLY_RESUME);
	}
	ck_assert(message(MSG_NONE, 0, 0, false, 0));
}
END_TEST

/* Any message at all is answered: addresses, sizes and values as a wild guest makes them. */
START_TEST(random_messages)
{
	u64 x = 1;

	setup();
	for (u32 i = 0; i < 300000; i++) {
		static const u64 places[] = { 0x3f8, 0x2f8, 0x70, 0x510, 0x2000, 0xcf0 };
		static const u64 msrs[] = { 0xc0, 0x186, 0x200, 0x1f0 };
		static const u32 kinds[] = { MSG_EOI, MSG_MSR, MSG_SIGNAL };
		u32 kind = x >> 30 & 15;
		u64 at;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		at = places[(x >> 60) % ARRAY_SIZE(places)] + ((x >> 40) & 0x1f);
		page.message.now = x;
		page.message.kind = kind < ARRAY_SIZE(kinds) ? kinds[kind] : MSG_IO;
		if (page.message.kind == MSG_MSR)
			at = msrs[x >> 60 & 3] + (x >> 40 & 3);
		page.message.address = at;
		page.message.vcpu = x >> 36 & 1;
		((struct vcpu_counters *)(void *)counters)->time[TIME_GUEST] += x >> 20 & 0xfffff;
		page.message.size = 1u << (x >> 20 & 1);
		page.message.write = x >> 19 & 1;
		page.message.value = x >> 8 & 0xffff;
		(void)!monitor_handle(&monitor, &sys, true);
		ck_assert_uint_lt(page.reply.action, REPLY_ACTIONS);
	}
}
END_TEST

RING3_MAIN("monitor_devices", start_message, random_messages, unclaimed, every_port_every_size,
           ends, pci_address, fwcfg, cmos_memory, cmos_clock, dates, ioapic_registers, ioapic_edge,
           ioapic_level, ioapic_modes_without_levels, ioapic_nobody_accepts, ioapic_storm)
