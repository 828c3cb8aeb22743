/* SPDX-License-Identifier: MIT */
/*
 * One CPU interrupts another many times, whose handler arms its timer, as kernels do: each
 * interrupt comes at once, however many came before. The sender measures from the ICR's write to
 * the handler.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"

#define VECTOR_TEST 0x51u
#define VECTOR_FAR  0x52u
#define FAR_AWAY    (1ull << 40)
/* Far below what a watch or a slice lasts, far above what an interrupt takes. */
#define PROMPTLY 20000u

static bool arms;
static u64 came; /* TSC in the handler; 0: not yet */
static u64 worst, late;

static void on_interrupt(struct interrupt_frame *frame)
{
	(void)frame;
	apic_eoi();
	if (arms)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + FAR_AWAY);
	atomic_store(&came, rdtsc());
}

static void send_all(void *rounds)
{
	for (u64 n = 0; n < (u64)rounds; n++) {
		u64 begin = rdtsc(), ticks;

		x2apic_send(cpu_ids[0], ICR_FIXED | VECTOR_TEST);
		while (atomic_load(&came) == 0)
			cpu_relax();
		ticks = came - begin;
		atomic_store(&came, 0);
		worst = MAX(worst, ticks);
		late += ticks > PROMPTLY;
	}
}

static void measure(bool with_timer, u64 rounds)
{
	arms = with_timer;
	worst = 0;
	late = 0;
	apic_write(APIC_LVT_TIMER, with_timer ? TIMER_DEADLINE | VECTOR_FAR : LVT_MASKED);
	smp_post(1, send_all, (void *)rounds);
	smp_wait(1);
	tap_ok(late == 0, "%s: %lu interrupts, %lu late, at worst %lu ticks",
	       with_timer ? "with a timer" : "without", rounds, late, worst);
}

int guest_main(void)
{
	u64 rounds = args_number("n", 3000);

	args_finish();
	smp_start_all();
	if (cpu_count() < 2 || !apic_use(&x2apic_ops)) {
		tap_skip("interrupts beside a timer", "it takes two CPUs with x2APIC");
		return tap_done();
	}
	interrupt_handle(VECTOR_TEST, on_interrupt);
	interrupts_on();
	measure(false, rounds);
	measure(true, rounds);
	return tap_done();
}
