/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/lapic.h"

#include "hv/base/x86.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/cpu/vectors.h"

/* Registers, by their xAPIC offset (SDM 3A table 11-1); the x2APIC MSR is 0x800 + offset / 16. */
enum lapic_register {
	LAPIC_ID = 0x20,
	LAPIC_VERSION = 0x30,
	LAPIC_TPR = 0x80,
	LAPIC_EOI = 0xb0,
	LAPIC_SVR = 0xf0,
	LAPIC_ESR = 0x280,
	LAPIC_LVT_CMCI = 0x2f0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310, /* xAPIC only */
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_COUNTERS = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define SVR_ENABLE   BIT32(8)
#define LVT_MASKED   BIT32(16)
#define LVT_MODE     0x700u
#define LVT_SMI      0x200u /* the firmware's own, which it may need: no interrupt for us */
#define DIVIDE_BY_1  0xbu
#define ICR_NMI      0x400u
#define ICR_INIT     0x500u
#define ICR_STARTUP  0x600u
#define ICR_ASSERT   0x4000u
#define ICR_PENDING  BIT32(12)
#define CPUID_X2APIC BIT32(21) /* 1 ECX */
#define CALIBRATE_US 10000u
#define COUNTER_MAX  0xffffffffu

static bool x2apic;
static volatile u32 *registers; /* xAPIC */
static u64 counts_per_tick;     /* of the timer per TSC tick, 32.32 fixed point */
static u64 ticks_max;           /* the product's limit of 64 bits is the counter's of 32, too */

bool lapic_is_x2apic(void)
{
	return x2apic;
}

static u32 lapic_read(enum lapic_register reg)
{
	if (x2apic)
		return (u32)rdmsr(IA32_X2APIC_FIRST + reg / 16);
	return registers[reg / 4];
}

static void lapic_write(enum lapic_register reg, u32 value)
{
	if (x2apic)
		wrmsr(IA32_X2APIC_FIRST + reg / 16, value);
	else
		registers[reg / 4] = value;
}

void lapic_init(void)
{
	u64 base = rdmsr(IA32_APIC_BASE);

	x2apic = (cpuid(1).ecx & CPUID_X2APIC) != 0;
	if (!x2apic)
		registers = map_device(HPA(base & APIC_BASE_ADDR), PAGE_SIZE, PT_DEVICE);
}

/* The LVT entries behind the timer's, as "maximum LVT entry" counts them (SDM 3A 11.4.8). */
static const enum lapic_register lvts[] = { LAPIC_LVT_LINT0,    LAPIC_LVT_LINT1,   LAPIC_LVT_ERROR,
	                                    LAPIC_LVT_COUNTERS, LAPIC_LVT_THERMAL, LAPIC_LVT_CMCI };

static void mask_lvts(void)
{
	u32 last = lapic_read(LAPIC_VERSION) >> 16 & 0xff;

	for (u32 i = 0; i < MIN(last, ARRAY_SIZE(lvts)); i++)
		if ((lapic_read(lvts[i]) & LVT_MODE) != LVT_SMI)
			lapic_write(lvts[i], LVT_MASKED);
}

void lapic_enable(void)
{
	wrmsr(IA32_APIC_BASE, rdmsr(IA32_APIC_BASE) | APIC_BASE_ENABLE);
	if (x2apic)
		wrmsr(IA32_APIC_BASE, rdmsr(IA32_APIC_BASE) | APIC_BASE_X2APIC);
	lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	lapic_write(LAPIC_TPR, 0);
	mask_lvts();
	lapic_write(LAPIC_ESR, 0);
	lapic_write(LAPIC_LVT_ERROR, VECTOR_ERROR);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_timer_stop();
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER); /* one-shot */
}

u32 lapic_id(void)
{
	u32 id = lapic_read(LAPIC_ID);

	return x2apic ? id : id >> 24;
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

u32 lapic_take_errors(void)
{
	lapic_write(LAPIC_ESR, 0); /* latches what has come up since the last write */
	return lapic_read(LAPIC_ESR);
}

/* The one place where an interrupt command leaves this core. */
static void send_command(u32 apic_id, u32 command)
{
	if (x2apic) {
		wrmsr(IA32_X2APIC_FIRST + LAPIC_ICR / 16, (u64)apic_id << 32 | command);
		return;
	}
	while ((registers[LAPIC_ICR / 4] & ICR_PENDING) != 0)
		cpu_pause();
	registers[LAPIC_ICR_HIGH / 4] = apic_id << 24;
	registers[LAPIC_ICR / 4] = command;
}

void lapic_send(u32 apic_id, u8 vector)
{
	send_command(apic_id, ICR_ASSERT | vector);
}

void lapic_send_nmi(u32 apic_id)
{
	send_command(apic_id, ICR_ASSERT | ICR_NMI);
}

void lapic_send_init(u32 apic_id)
{
	send_command(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_send_startup(u32 apic_id, u8 page)
{
	mfence(); /* the trampoline and what it reads: x2APIC writes wait for no stores */
	lfence();
	send_command(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

void lapic_timer_arm(u64 ticks)
{
	u64 counts = (MIN(ticks, ticks_max) * counts_per_tick) >> 32;

	lapic_write(LAPIC_TIMER_INITIAL, (u32)MAX(counts, 1));
}

void lapic_timer_stop(void)
{
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}

void lapic_timer_calibrate(void)
{
	u64 start, passed;
	u32 counts;

	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, COUNTER_MAX);
	start = rdtsc();
	clock_wait_us(CALIBRATE_US);
	counts = COUNTER_MAX - lapic_read(LAPIC_TIMER_CURRENT);
	passed = rdtsc() - start;
	lapic_timer_stop();
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	counts_per_tick = MAX(((u64)counts << 32) / passed, 1);
	ticks_max = ~0ull / counts_per_tick;
}
