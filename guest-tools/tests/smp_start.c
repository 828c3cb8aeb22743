/* SPDX-License-Identifier: MIT */
/*
 * INIT and start-up IPIs: to one ID, to all by shorthand, to all by the broadcast ID; to CPUs that
 * wait, run, halt; too many, too few, too early. `starts` counts how often a CPU really began.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"

#define VECTOR_TEST 0x51u
#define SETTLE      100000ull
#define PATIENCE    2000000000ull
#define REAL_CODE   0x600u
#define REAL_NOTE   0x610u
#define SIPI        (ICR_STARTUP | ICR_ASSERT | TRAMPOLINE >> 12)

static u32 starts_before[MAX_CPUS];

static void begin(void)
{
	smp_prepare();
	for (u32 i = 1; i < cpu_ids_count; i++)
		starts_before[i] = atomic_load(&cpus[i].starts);
}

static u32 starts_of(u32 cpu)
{
	return atomic_load(&cpus[cpu].starts) - starts_before[cpu];
}

/* Each CPU of the mask has begun `times` times since begin(), the other APs not at all. */
static void expect_starts(u64 mask, u32 times, const char *what)
{
	u64 since = rdtsc();
	bool ok = true;

	for (u32 i = 1; i < cpu_ids_count; i++)
		while ((mask >> i & 1) && starts_of(i) < times && rdtsc() - since < PATIENCE)
			cpu_relax();
	delay_ticks(SETTLE);
	for (u32 i = 1; i < cpu_ids_count; i++) {
		if (starts_of(i) != (mask >> i & 1 ? times : 0)) {
			print("# CPU %u began %u times\n", i, starts_of(i));
			ok = false;
		}
	}
	tap_ok(ok, "%s: %s", apic->name, what);
}

static u64 all_others(void)
{
	return (1ull << cpu_ids_count) - 2;
}

static u32 broadcast_id(void)
{
	return apic == &x2apic_ops ? X2APIC_BROADCAST : XAPIC_BROADCAST;
}

static void send_later(u32 destination, u32 icr_low)
{
	apic_send(destination, icr_low);
	delay_ticks(SETTLE);
}

static void test_ways(void)
{
	begin();
	for (u32 i = 1; i < cpu_ids_count; i++)
		smp_init_sipi(cpu_ids[i]);
	expect_starts(all_others(), 1, "INIT, SIPI, SIPI to each ID");

	begin();
	smp_init_sipi_broadcast();
	expect_starts(all_others(), 1, "INIT, SIPI, SIPI to all but self by shorthand");

	begin();
	for (u32 i = 1; i < cpu_ids_count; i++)
		send_later(cpu_ids[i], ICR_INIT | ICR_ASSERT);
	send_later(0, SIPI | ICR_ALL_BUT_ME);
	expect_starts(all_others(), 1, "INIT to each, one SIPI to all but self");

	begin();
	send_later(0, ICR_INIT | ICR_ASSERT | ICR_ALL_BUT_ME);
	for (u32 i = cpu_ids_count - 1; i > 0; i--)
		send_later(cpu_ids[i], SIPI);
	expect_starts(all_others(), 1, "INIT to all but self, a SIPI to each, last first");

	begin();
	send_later(0, ICR_INIT | ICR_ASSERT | ICR_ALL_BUT_ME);
	send_later(broadcast_id(), SIPI);
	expect_starts(all_others(), 1, "SIPI to the broadcast ID, which the sender ignores");
}

static void test_order(void)
{
	u32 id = cpu_ids[1];

	begin();
	send_later(id, SIPI);
	expect_starts(2, 0, "a SIPI to a CPU that runs does nothing");

	begin();
	send_later(id, ICR_INIT | ICR_ASSERT);
	expect_starts(2, 0, "INIT alone starts nothing");
	send_later(id, ICR_INIT | ICR_LEVEL);
	expect_starts(2, 0, "INIT level de-assert does nothing");
	send_later(id, ICR_INIT | ICR_ASSERT);
	send_later(id, SIPI);
	send_later(id, SIPI);
	send_later(id, SIPI);
	expect_starts(2, 1, "two INITs and three SIPIs are one start");

	begin();
	smp_init_sipi(id);
	smp_wait_online(2, PATIENCE);
	smp_init_sipi(id);
	expect_starts(2, 2, "INIT to a CPU that runs starts it anew");
	for (u32 i = 2; i < cpu_ids_count; i++)
		smp_init_sipi(cpu_ids[i]);
	smp_wait_online(cpu_ids_count, PATIENCE);
}

/* Where a SIPI leads, an NMI is taken in real mode, by the table at 0: code there notes it. */
static volatile u8 *note_nmis(void)
{
	static const u8 note[] = { 0x2e, 0xfe, 0x06, REAL_NOTE & 0xff, REAL_NOTE >> 8, 0xcf };
	u8 *low = window_at(0); /* inc byte [cs:REAL_NOTE]; iret */

	memcpy(low + REAL_CODE, note, sizeof(note));
	low[REAL_NOTE] = 0;
	*(volatile u32 *)(low + 4 * VECTOR_NMI) = REAL_CODE;
	begin();
	return low + REAL_NOTE;
}

/* An NMI that still waits when INIT comes is gone. One that comes later waits for the start. */
static void test_nmi_and_init(void)
{
	const volatile u8 *noted = note_nmis();

	apic_send(cpu_ids[1], ICR_NMI | ICR_ASSERT);
	apic_send(cpu_ids[1], ICR_INIT | ICR_ASSERT);
	apic_send(cpu_ids[1], SIPI);
	expect_starts(2, 1, "NMI, INIT, SIPI are a start");
	tap_is(*noted, 0, "%s: INIT leaves nothing of the NMI", apic->name);

	noted = note_nmis();
	send_later(cpu_ids[1], ICR_INIT | ICR_ASSERT);
	send_later(cpu_ids[1], ICR_NMI | ICR_ASSERT);
	send_later(cpu_ids[1], ICR_NMI | ICR_ASSERT);
	expect_starts(2, 0, "NMIs do not start a CPU that waits for a SIPI");
	tap_is(*noted, 0, "%s: and it does not take them", apic->name);
	send_later(cpu_ids[1], SIPI);
	expect_starts(2, 1, "INIT, NMIs, SIPI are a start");
	tap_is(*noted, 1, "%s: where one of them comes at once", apic->name);
}

static void sleep_for_good(void *arg)
{
	atomic_store((bool *)arg, true);
	interrupts_off();
	for (;;)
		halt();
}

/* CPU 1 goes into `stay`, which sets a flag and does not return; it must begin anew from there. */
static void start_out_of(void (*stay)(void *flag), const char *what)
{
	bool there = false;

	smp_post(1, stay, &there);
	while (!atomic_load(&there))
		cpu_relax();
	delay_ticks(SETTLE);
	begin();
	smp_init_sipi(cpu_ids[1]);
	smp_wait_online(2, PATIENCE);
	tap_is(starts_of(1), 1, "%s: %s", apic->name, what);
	for (u32 i = 2; i < cpu_ids_count; i++)
		cpus[i].online = true;
}

static void hold_for_good(void *arg)
{
	write_cr8(9);
	interrupts_on();
	apic_send(0, ICR_SELF | VECTOR_TEST);
	atomic_store((bool *)arg, true);
	for (;;)
		cpu_relax();
}

static void look_at_irr(void *arg)
{
	*(bool *)arg = apic_vector_is_set(APIC_IRR, VECTOR_TEST);
}

/* What waits below the TPR goes with it: neither the CPU nor who runs it may stumble over that. */
static void test_held(void)
{
	bool left = true;

	start_out_of(hold_for_good, "a CPU whose TPR holds an interrupt back begins anew");
	smp_post(1, look_at_irr, &left);
	smp_wait(1);
	tap_is(left, false, "%s: and nothing of it is left", apic->name);
}

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
}

static void test_result(void)
{
	u64 base = cpus[1].apic_base;
	bool x2apic = apic == &x2apic_ops;

	tap_is(base & APIC_BASE_BSP, 0, "%s: an AP is not the boot processor", apic->name);
	tap_bare(((base & APIC_BASE_X2APIC) != 0) == x2apic, "Bochs falls back to xAPIC",
	         "%s: INIT keeps the APIC's mode", apic->name);
	for (u32 i = 0; i < cpu_ids_count; i++)
		if (cpus[i].apic_id != cpu_ids[i])
			tap_is(cpus[i].apic_id, cpu_ids[i], "CPU %u has its ID", i);
	interrupts_on();
	for (u32 i = 1; i < cpu_ids_count; i++) {
		apic_send(cpu_ids[i], ICR_FIXED | VECTOR_TEST);
		count_expect(VECTOR_TEST, 1ull << i, "a CPU that was started gets its IPIs");
	}
	interrupts_off();
}

static void test_mode(void)
{
	test_ways();
	test_order();
	test_nmi_and_init();
	start_out_of(sleep_for_good, "INIT wakes a CPU in HLT without interrupts");
	test_held();
	test_result();
}

int guest_main(void)
{
	smp_start_all();
	tap_ok(true, "%u CPUs", cpu_ids_count);
	count_vector(VECTOR_TEST);
	interrupt_handle(VECTOR_NMI, on_nmi);
	if (cpu_ids_count > 1)
		in_both_modes(test_mode);
	else
		tap_skip("start", "one CPU");
	return tap_done();
}
