/* SPDX-License-Identifier: MIT */
/* Shorthands, sent by each CPU in turn; many rounds, each interrupt counted. */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_TEST 0x51u

static u32 rounds;
static u32 nmis[MAX_CPUS];

static u64 all_cpus(void)
{
	return BIT(cpu_ids_count) - 1;
}

static void send_job(void *arg)
{
	/* A destination beside a shorthand means nothing. */
	apic_send(cpu_ids[0], ICR_FIXED | ICR_ASSERT | VECTOR_TEST | *(const u32 *)arg);
}

static void test_shorthand(u32 shorthand, const char *what)
{
	for (u32 from = 0; from < cpu_ids_count; from++) {
		u64 expected = shorthand == ICR_SELF  ? BIT(from)
		               : shorthand == ICR_ALL ? all_cpus()
		                                      : all_cpus() & ~BIT(from);

		if (from == 0) {
			send_job(&shorthand);
		} else {
			smp_post(from, send_job, &shorthand);
			smp_wait(from);
		}
		count_expect(VECTOR_TEST, expected, what);
	}
}

/* A round ends when all have answered, so nothing coalesces and counts must be equal. */
static void test_rounds(void)
{
	u32 late = 0, wrong = 0;

	for (u32 round = 1; round <= rounds; round++) {
		apic_send(0, ICR_FIXED | ICR_ALL_BUT_ME | VECTOR_TEST);
		for (u32 i = 1; i < cpu_ids_count; i++)
			late += !count_wait(i, VECTOR_TEST, round);
	}
	delay_ticks(COUNT_QUIET_TICKS);
	for (u32 i = 0; i < cpu_ids_count; i++)
		wrong += count_of(i, VECTOR_TEST) != (i == 0 ? 0 : rounds);
	tap_ok(late == 0 && wrong == 0, "%s: %u broadcasts, each counted by each other CPU once",
	       apic->name, rounds);
	count_reset();
}

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	nmis[this_cpu()->index]++;
}

static void test_nmi(void)
{
	u32 wrong = 0;

	for (u32 i = 0; i < cpu_ids_count; i++)
		nmis[i] = 0;
	apic_send(0, ICR_NMI | ICR_ASSERT | ICR_ALL_BUT_ME);
	delay_ticks(20 * COUNT_QUIET_TICKS);
	for (u32 i = 0; i < cpu_ids_count; i++)
		wrong += atomic_load(&nmis[i]) != (i == 0 ? 0 : 1);
	tap_is(wrong, 0, "%s: NMI to all but self", apic->name);
}

static void test_mode(void)
{
	interrupts_on();
	test_shorthand(ICR_SELF, "self");
	test_shorthand(ICR_ALL, "all including self");
	test_shorthand(ICR_ALL_BUT_ME, "all but self");
	test_rounds();
	test_nmi();
	interrupts_off();
}

int guest_main(void)
{
	rounds = (u32)args_number("rounds", 100);
	args_finish();
	smp_start_all();
	count_vector(VECTOR_TEST);
	interrupt_handle(VECTOR_NMI, on_nmi);
	in_both_modes(test_mode);
	return tap_done();
}
