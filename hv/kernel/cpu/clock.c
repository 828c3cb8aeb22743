/* SPDX-License-Identifier: MIT */
#include "hv/kernel/cpu/clock.h"

#include "hv/base/panic.h"
#include "hv/base/x86.h"

#define MEASURE_US 10000u

#define PM_TIMER_HZ    3579545u
#define PM_TIMER_MASK  0xffffffu /* 24 bits are always there */
#define PM_TIMER_COUNT ((u32)((u64)PM_TIMER_HZ * MEASURE_US / 1000000))

#define PIT_HZ         1193182u
#define PIT_COUNT      ((u32)((u64)PIT_HZ * MEASURE_US / 1000000))
#define PIT_CHANNEL2   0x42u
#define PIT_COMMAND    0x43u
#define PIT_MODE0      0xb0u /* channel 2, both bytes, interrupt on terminal count */
#define PORT_B         0x61u
#define PORT_B_GATE    0x01u
#define PORT_B_SPEAKER 0x02u
#define PORT_B_OUT     0x20u

/* A timer that stands still is given up after so many reads. */
#define READS_MAX 10000000u

#define CPUID_INVARIANT_TSC BIT(8)  /* 0x80000007 EDX */
#define CPUID_HYPERVISOR    BIT(31) /* 1 ECX */

static struct clock the_clock;

const struct clock *clock_get(void)
{
	return &the_clock;
}

/* The TSC's rate by the PM timer; 0 when that stands still. */
static u64 measure_pm_timer(u16 port)
{
	u32 start = in32(port) & PM_TIMER_MASK;
	u64 tsc = rdtsc();

	for (u32 i = 0; i < READS_MAX; i++) {
		u32 passed = (in32(port) - start) & PM_TIMER_MASK;

		if (passed >= PM_TIMER_COUNT)
			return (rdtsc() - tsc) * PM_TIMER_HZ / passed;
	}
	return 0;
}

static u64 measure_pit(void)
{
	u64 tsc;

	if (in8(PORT_B) == 0xff)
		return 0; /* nothing there */
	out8(PORT_B, (u8)((in8(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE));
	out8(PIT_COMMAND, PIT_MODE0);
	out8(PIT_CHANNEL2, PIT_COUNT & 0xff);
	out8(PIT_CHANNEL2, PIT_COUNT >> 8);
	tsc = rdtsc();
	for (u32 i = 0; i < READS_MAX; i++) {
		if ((in8(PORT_B) & PORT_B_OUT) != 0)
			return (rdtsc() - tsc) * PIT_HZ / PIT_COUNT;
	}
	return 0;
}

/* What CPUID states, and by which leaf; 0: nothing. */
static u64 stated_rate(const char **source)
{
	u32 leaves = cpuid(0).eax;
	struct cpuid r;

	if (leaves >= 0x15) {
		*source = "CPUID 0x15";
		r = cpuid(0x15);
		if (r.eax != 0 && r.ebx != 0 && r.ecx != 0)
			return (u64)r.ecx * r.ebx / r.eax;
	}
	if ((cpuid(1).ecx & CPUID_HYPERVISOR) != 0 && cpuid(0x40000000).eax >= 0x40000010) {
		*source = "CPUID 0x40000010";
		r = cpuid(0x40000010);
		if (r.eax != 0)
			return (u64)r.eax * 1000;
	}
	if (leaves >= 0x16) {
		*source = "CPUID 0x16";
		return (u64)(cpuid(0x16).eax & 0xffff) * 1000000;
	}
	return 0;
}

static bool agree(u64 stated, u64 measured)
{
	u64 difference = stated > measured ? stated - measured : measured - stated;

	return difference <= measured / 20;
}

void clock_init(u16 pm_timer_port)
{
	const char *stated_by = "";
	u64 stated = stated_rate(&stated_by);
	u64 measured = pm_timer_port != 0 ? measure_pm_timer(pm_timer_port) : 0;
	const char *measured_by = "measured by the PM timer";

	if (measured == 0) {
		measured = measure_pit();
		measured_by = "measured by the PIT";
	}
	the_clock.invariant = cpuid(0x80000000).eax >= 0x80000007 &&
	                      (cpuid(0x80000007).edx & CPUID_INVARIANT_TSC) != 0;
	if (stated != 0 && (measured == 0 || agree(stated, measured)))
		the_clock = (struct clock){ stated, the_clock.invariant, stated_by };
	else
		the_clock = (struct clock){ measured, the_clock.invariant, measured_by };
	if (the_clock.tsc_hz == 0)
		panic("no way to tell the rate of the TSC: no CPUID leaf, PM timer or PIT");
}

void clock_wait_us(u64 microseconds)
{
	u64 start = rdtsc();
	u64 ticks = the_clock.tsc_hz / 1000000 * microseconds + microseconds;

	while (rdtsc() - start < ticks)
		cpu_pause();
}
