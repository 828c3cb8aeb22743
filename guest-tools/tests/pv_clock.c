/* SPDX-License-Identifier: MIT */
/*
 * KVM's clock: the pages of all CPUs tell one time, at the TSC's rate, whatever the guest does to
 * its TSC; the wall clock agrees with the CMOS clock; senseless addresses harm nobody. Where it is
 * not offered its MSRs fault.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/fwcfg.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/pv.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"
#include "hv/base/bits.h"

#define OLD_KVM "its heuristics on written TSCs are its own"
#define SLACK   1000000000ull /* ns that another VM on the same core may cost: generous */

static const u32 msrs[] = { MSR_KVM_SYSTEM_TIME,    MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME_OLD,
	                    MSR_KVM_WALL_CLOCK_OLD, MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI };

static struct pv_clock clocks[MAX_CPUS] ALIGNED(64);
static u8 area[3 * PAGE_SIZE] ALIGNED(PAGE_SIZE); /* for addresses of all kinds */

static void test_not_offered(void)
{
	u64 value;

	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		tap_ok(!pv_read_msr(msrs[i], &value), "reading MSR %x faults", msrs[i]);
		tap_ok(!pv_write_msr(msrs[i], 0), "writing MSR %x faults", msrs[i]);
	}
}

/* ---- one page ---- */

static bool announce(u32 msr, const void *clock)
{
	return pv_write_msr(msr, (u64)clock | PV_ENABLED);
}

static void test_page(u32 msr)
{
	struct pv_clock *clock = &clocks[0];
	u64 value = 0;

	memset(clock, 0, sizeof(*clock));
	tap_ok(announce(msr, clock), "MSR %x takes an address", msr);
	tap_ok(pv_read_msr(msr, &value) && value == ((u64)clock | PV_ENABLED), "and tells it");
	tap_ok(clock->version != 0 && clock->version % 2 == 0, "the page is written, version %u",
	       clock->version);
	tap_is(clock->mul >> 31, 1, "the multiplier has all its bits");
	tap_ok(clock->flags == PV_CLOCK_STABLE, "the clock is stable: flags %x", clock->flags);
	value = clock->version;
	announce(msr, clock);
	tap_is(clock->version, value + 2, "once more: the version goes on by 2");
	clock->version = 7;
	announce(msr, clock);
	tap_is(clock->version, 10, "from an odd version to the next even one");
}

static void test_rate(void)
{
	struct cpuid rate = cpuid(0x15, 0);
	u64 hz = (u64)rate.ecx * rate.ebx / MAX(rate.eax, 1u);
	u64 ns = pv_clock_at(&clocks[0], clocks[0].tsc_timestamp + 100 * hz) -
	         pv_clock_at(&clocks[0], clocks[0].tsc_timestamp);

	if (hz == 0) {
		tap_skip("the rate", "CPUID does not tell the TSC's");
		return;
	}
	tap_ok(ns >= 99999990000 && ns <= 100000010000, "a hundred seconds of the TSC are %lu ns",
	       ns);
}

/* ---- all CPUs ---- */

static void announce_own(void *arg)
{
	(void)arg;
	wrmsr(MSR_KVM_SYSTEM_TIME, (u64)&clocks[this_cpu()->index] | PV_ENABLED);
}

static void read_own(void *ns)
{
	*(u64 *)ns = pv_clock_now(&clocks[this_cpu()->index]);
}

static u64 clock_of(u32 cpu)
{
	u64 ns;

	if (cpu == 0) {
		read_own(&ns);
		return ns;
	}
	smp_post(cpu, read_own, &ns);
	smp_wait(cpu);
	return ns;
}

/* From CPU to CPU, again and again: no reading is before an earlier one. */
static void test_order(const char *what)
{
	u64 last = 0, longest = 0;
	u32 wrong = 0;

	for (u32 i = 0; i < 200; i++) {
		u64 ns = clock_of(i % cpu_count());

		wrong += ns < last;
		longest = i == 0 || ns < last ? longest : MAX(longest, ns - last);
		last = ns;
	}
	tap_is(wrong, 0, "time goes forward from CPU to CPU, %s", what);
	tap_ok(longest < SLACK, "and does not jump: %lu ns at most", longest);
}

static void test_same(void)
{
	u32 differ = 0;

	for (u32 i = 1; i < cpu_count(); i++)
		differ += pv_clock_at(&clocks[i], 12345678) != pv_clock_at(&clocks[0], 12345678);
	tap_is(differ, 0, "a TSC is the same time on every CPU's page");
}

/* ---- the TSC is the guest's ---- */

static void write_tsc(void *value)
{
	wrmsr(MSR_TSC, *(u64 *)value);
}

static bool wait_unstable(u32 cpu)
{
	for (u64 start = rdtsc(); rdtsc() - start < 100000000;)
		if ((atomic_load(&clocks[cpu].flags) & PV_CLOCK_STABLE) == 0)
			return true;
	return false;
}

static void test_tsc_written(void)
{
	static const u64 values[] = { 0, 1ull << 40, ~0ull - 5000000, 123456789 };
	u32 last = cpu_count() - 1;

	for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
		u64 value = values[i];
		u64 before = clock_of(last), after;

		if (last == 0) {
			write_tsc(&value);
		} else {
			smp_post(last, write_tsc, &value);
			smp_wait(last);
		}
		after = clock_of(last);
		tap_bare(after >= before && after - before < SLACK, OLD_KVM,
		         "a TSC of %lx changes no time: %lu ns later", value, after - before);
	}
	if (last == 0)
		return;
	for (u32 i = 0; i <= last; i++)
		tap_bare(wait_unstable(i), OLD_KVM, "CPU %u's page does not speak for others now",
		         i);
	test_order("with different TSCs");
}

/* ---- the wall clock ---- */

static u8 cmos(u8 index)
{
	u8 value;

	outb(0x70, index);
	value = inb(0x71);
	return (u8)((value >> 4) * 10 + (value & 15));
}

/* Seconds of the day by the CMOS clock. */
static u64 cmos_time(void)
{
	return cmos(4) * 3600u + cmos(2) * 60u + cmos(0);
}

static void test_wall_clock(u32 msr)
{
	struct pv_wall_clock *wall = (void *)&area[0];
	u64 before, after, now, value = 0;

	memset(area, 0, sizeof(area));
	tap_ok(pv_write_msr(msr, (u64)wall), "MSR %x takes an address", msr);
	tap_ok(wall->version == 2 && wall->nanoseconds < 1000000000, "the wall clock is written");
	tap_ok(pv_read_msr(msr, &value) && value == (u64)wall, "and the MSR tells the address");
	before = cmos_time();
	now = wall->seconds + (pv_clock_now(&clocks[0]) + wall->nanoseconds) / 1000000000;
	after = cmos_time();
	tap_bare(now % 86400 >= before && now % 86400 <= after, "QEMU's clock runs otherwise",
	         "the time of day is %lu, by CMOS %lu to %lu", now % 86400, before, after);
	tap_ok(now >= 1767225600, "and the year is 2026 or later: %lu", now);
}

/* ---- addresses ---- */

static u64 memory_end(void)
{
	return fwcfg_present() ? fwcfg_read(FWCFG_RAM_SIZE, 8) : boot_info.memory_top;
}

static void test_wild_addresses(void)
{
	u64 end = memory_end();
	const u64 places[] = { end,        end - 31,   0xfee00000, 0xfe000000,
		               1ull << 45, 1ull << 63, ~0ull,      0xfffffffffffff000 };
	u8 *last = window_at(end - 64);

	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		tap_ok(pv_write_msr(MSR_KVM_SYSTEM_TIME, places[i] | PV_ENABLED),
		       "system time at %lx: no fault", places[i]);
		tap_ok(pv_write_msr(MSR_KVM_WALL_CLOCK, places[i]), "nor the wall clock");
	}
	memset(last, 0, 64);
	pv_write_msr(MSR_KVM_SYSTEM_TIME, (end - 32) | PV_ENABLED);
	tap_ok(((struct pv_clock *)(void *)(last + 32))->version != 0,
	       "the last 32 bytes of memory will do");
	memset(last, 0, 64);
	pv_write_msr(MSR_KVM_SYSTEM_TIME, (end - 28) | PV_ENABLED);
	for (u32 i = 0; i < 64; i++)
		last[0] |= last[i];
	tap_is(last[0], 0, "4 bytes further nothing is written");
}

static u32 bytes_set(void)
{
	u32 n = 0;

	for (u32 i = 0; i < sizeof(area); i++)
		n += area[i] != 0;
	return n;
}

static void test_addresses(void)
{
	u64 tsc;

	memset(area, 0, sizeof(area));
	pv_write_msr(MSR_KVM_SYSTEM_TIME, (u64)&area[2] | PV_ENABLED);
	pv_write_msr(MSR_KVM_WALL_CLOCK, (u64)&area[1]);
	tap_bare(bytes_set() == 0, "KVM writes to odd addresses",
	         "where 4 does not divide the address nothing is written");
	pv_write_msr(MSR_KVM_SYSTEM_TIME, (u64)&area[64]);
	tap_is(bytes_set(), 0, "nor without the enable bit");
	announce(MSR_KVM_SYSTEM_TIME, &area[PAGE_SIZE - 4]);
	tap_bare(bytes_set() != 0, "KVM wants it in one page", "it may lie across two pages");
	announce(MSR_KVM_SYSTEM_TIME, &area[2 * PAGE_SIZE]);
	memset(area, 0, 2 * PAGE_SIZE);
	tsc = rdtsc();
	write_tsc(&tsc);
	tap_ok(((struct pv_clock *)(void *)&area[2 * PAGE_SIZE])->version > 2,
	       "the new place is written");
	memset(&area[2 * PAGE_SIZE], 0, PAGE_SIZE);
	tap_is(bytes_set(), 0, "the old one is left alone");
	pv_write_msr(MSR_KVM_SYSTEM_TIME, 0);
	write_tsc(&tsc);
	tap_is(bytes_set(), 0, "and none when it is off");
}

/* Both write there, which is the guest's mistake, and no more than that. */
static void test_shared(void)
{
	u64 tsc = rdtsc();

	if (cpu_count() == 1)
		return;
	wrmsr(MSR_KVM_SYSTEM_TIME, (u64)&clocks[1] | PV_ENABLED);
	smp_post(1, announce_own, NULL);
	write_tsc(&tsc);
	smp_wait(1);
	tap_ok(true, "two CPUs on one page: still here");
	announce_own(NULL);
}

static void test_init(void)
{
	if (cpu_count() > 1)
		tap_is(pv_msr_after_init(MSR_KVM_SYSTEM_TIME), 0,
		       "INIT clears the MSR, as KVM does");
}

static void test_all(void)
{
	test_page(MSR_KVM_SYSTEM_TIME_OLD);
	test_page(MSR_KVM_SYSTEM_TIME);
	test_rate();
	smp_run_all(announce_own, NULL);
	test_same();
	test_order("as started");
	test_wall_clock(MSR_KVM_WALL_CLOCK_OLD);
	test_wall_clock(MSR_KVM_WALL_CLOCK);
	test_tsc_written();
	test_addresses();
	test_wild_addresses();
	test_shared();
	test_init();
}

int guest_main(void)
{
	args_finish();
	smp_start_all();
	if (pv_has(KVM_FEATURE_CLOCK) && pv_has(KVM_FEATURE_CLOCK_STABLE))
		test_all();
	else if (hypervisor.tapvisor_base != 0)
		test_not_offered();
	else
		tap_skip("KVM's clock", "no KVM below");
	return tap_done();
}
