/* SPDX-License-Identifier: MIT */
/* A monitor, and messages to it as ring 0 sends them, with a kernel that takes notes. */
#ifndef TESTS_UNIT_MONITOR_WORLD_H
#define TESTS_UNIT_MONITOR_WORLD_H

#include "tests/unit/ring3.h"

#include "hv/ring3/monitor/memory.h"
#include "hv/ring3/monitor/monitor.h"
#include "hv/ring3/monitor/ports.h"
#include "hv/ring3/monitor/vector.h"
#include "hv/ring3/rt/ring.h"

#define MEMORY 0x2000000u
#define HZ     1000000u

static struct {
	u32 msis, outputs, alarms, pmis;
	u64 address, alarm_ticks;
	u32 data;
	s64 accepted;
} calls;

static struct monitor monitor;
static struct vm_console console;
static struct process_info info;
static struct thread_page page;
static u8 counters[MAX_VCPUS * COUNTERS_STRIDE] ALIGNED(8);

/* A test's own system calls: SYS_STORE and the APIC's page. */
static s64 (*memory_call)(u64 number, u64 a, u64 b, u64 c);

static s64 call(u64 number, u64 a, u64 b, u64 c)
{
	switch (number) {
	case SYS_MSI:
		calls.msis++;
		calls.address = a;
		calls.data = (u32)b;
		return calls.accepted;
	case SYS_OUTPUT:
		calls.outputs++;
		return 0;
	case SYS_PMI:
		calls.pmis++;
		return 0;
	case SYS_ALARM:
		calls.alarms++;
		calls.alarm_ticks = a;
		return 0;
	default:
		if (memory_call != NULL)
			return memory_call(number, a, b, c);
		if (number == SYS_APIC_READ || number == SYS_APIC_WRITE)
			return SYS_ENOENT;
		ck_abort_msg("system call %u", (unsigned int)number);
	}
}

static const struct view no_modules[VM_MODULES];
static const struct sys sys = { call, NULL, &page };

/* The vector registers, which are the processor's own outside tests. */
static u8 vector_registers[16][16];

void vector_get(u32 reg, u8 bytes[16])
{
	memcpy(bytes, vector_registers[reg], 16);
}

void vector_set(u32 reg, const u8 bytes[16])
{
	memcpy(vector_registers[reg], bytes, 16);
}

static inline void setup(void)
{
	memset(&calls, 0, sizeof(calls));
	memset(&console, 0, sizeof(console));
	memset(counters, 0, sizeof(counters));
	page.message.vcpu = 0;
	page.message.now = 0;
	calls.accepted = 1;
	info = (struct process_info){ .tsc_hz = HZ };
	info.config.vcpus = 5;
	monitor_init(&monitor, &info, counters, &console, (struct guest_memory){ NULL, MEMORY },
	             (struct view){ NULL, 0 }, no_modules);
}

static inline bool message(u32 kind, u64 address, u32 size, bool write, u64 value)
{
	page.message.kind = kind;
	page.message.address = address;
	page.message.size = size;
	page.message.write = write;
	page.message.value = value;
	return monitor_handle(&monitor, &sys, false);
}

/* The signal that ring 0 sends when the alarm is due. */
static inline void ring(void)
{
	page.message.now += calls.alarm_ticks;
	ck_assert(message(MSG_SIGNAL, 0, 0, false, 0));
}

static inline void out(u16 port, u32 size, u32 value)
{
	ck_assert(message(MSG_IO, port, size, true, value));
}

static inline u32 in(u16 port, u32 size)
{
	ck_assert(message(MSG_IO, port, size, false, 0));
	ck_assert_uint_eq(page.reply.action, REPLY_RESUME);
	return (u32)page.reply.value;
}

static inline bool claimed(void)
{
	return page.reply.stop != REPLY_UNCLAIMED;
}

/* Lets a test call the memory functions as the monitor does within a message. */
static inline void memory_in_use(void)
{
	monitor.sys = &sys;
	monitor.reply = &page.reply;
}

static inline u32 io_read(u32 index)
{
	u64 value;

	memory_in_use();
	ck_assert(memory_write(&monitor, 0xfec00000, 4, index));
	ck_assert(memory_read(&monitor, 0xfec00010, 4, &value));
	return (u32)value;
}

static inline void io_write(u32 index, u32 value)
{
	memory_in_use();
	ck_assert(memory_write(&monitor, 0xfec00000, 4, index));
	ck_assert(memory_write(&monitor, 0xfec00010, 4, value));
}

static inline void set_pin(u32 pin, u32 low, u32 high)
{
	io_write(0x11 + 2 * pin, high);
	io_write(0x10 + 2 * pin, low);
}

#endif
