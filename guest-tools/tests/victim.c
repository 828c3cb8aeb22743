/* SPDX-License-Identifier: MIT */
/*
 * What a CPU loses to its neighbours, for `for=` ticks of the TSC, by the guest's own clock.
 *
 * `victim sleep`: sleeps by TSC deadline, `nap=` ticks at a time, and measures how late each wake
 * is, from the deadline to the handler. `victim spin`: reads the clock all the time; whatever
 * passes between two readings beyond `GAP` was not its own. Both report the sum and the worst of
 * each window of `window=` ticks, so that a test can lay attacks beside them (attack.c).
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/stats.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"

#define VECTOR_ALARM 0x51u
#define GAP          200u /* more than a round of the loop, less than any exit and switch */
#define WINDOWS_MAX  2048u
#define WINDOWS_LINE 128u /* a line has room for 2,048 characters */

static u32 windows[WINDOWS_MAX]; /* the worst of each */
static u64 sum;
static struct samples samples;
static u64 begin, window_ticks;
static u64 woken; /* TSC at the handler's entry; 0: not yet */

static void note(u64 now, u64 ticks)
{
	u32 *worst = &windows[MIN((now - begin) / window_ticks, WINDOWS_MAX - 1ull)];

	samples_add(&samples, ticks);
	*worst = MAX(*worst, (u32)MIN(ticks, ~0u));
	sum += ticks;
}

static void on_alarm(struct interrupt_frame *frame)
{
	(void)frame;
	woken = rdtsc();
	apic_eoi();
}

static void do_sleep(u64 until, u64 nap)
{
	apic_write(APIC_LVT_TIMER, TIMER_DEADLINE | VECTOR_ALARM);
	__asm__ volatile("mfence" : : : "memory"); /* SDM 3A 10.5.4.1: LVT before the MSR */
	while (rdtsc() < until) {
		u64 due = rdtsc() + nap;

		interrupts_off();
		woken = 0;
		wrmsr(MSR_TSC_DEADLINE, due);
		while (atomic_load(&woken) == 0) {
			interrupts_on_and_halt();
			interrupts_off();
		}
		note(woken, woken - due);
	}
}

static void do_spin(u64 until, u64 nap)
{
	u64 last = rdtsc(), now;

	(void)nap;
	while (last < until) {
		now = rdtsc();
		if (now - last > GAP)
			note(now, now - last);
		last = now;
	}
}

/* The worst of each window, 0: none. */
static void report_line(const char *how, u32 first, u32 end)
{
	print_machine("{\"type\":\"window\",\"how\":\"%s\",\"from\":%lu,\"ticks\":%lu,"
	              "\"worst\":[",
	              how, begin + first * window_ticks, window_ticks);
	for (u32 i = first; i < end; i++)
		print_machine("%s%u", i == first ? "" : ",", windows[i]);
	print_machine("]}\n");
}

static void report_windows(const char *how, u64 end)
{
	u32 count = (u32)MIN((end - begin) / window_ticks + 1, (u64)WINDOWS_MAX);

	for (u32 i = 0; i < count; i += WINDOWS_LINE)
		report_line(how, i, MIN(i + WINDOWS_LINE, count));
}

int guest_main(void)
{
	const char *how = args_word(0, "sleep");
	u64 ticks = args_number("for", 2000000), nap = args_number("nap", 20000), end;
	struct distribution d;

	window_ticks = MAX(args_number("window", 50000), 1ull);
	args_finish();
	(void)!apic_use(&x2apic_ops);
	interrupt_handle(VECTOR_ALARM, on_alarm);
	begin = rdtsc();
	(strcmp(how, "spin") == 0 ? do_spin : do_sleep)(begin + ticks, nap);
	end = rdtsc();
	d = samples_distribution(&samples);
	report_windows(how, end);
	print_machine("{\"type\":\"victim\",\"how\":\"%s\",\"begin\":%lu,\"end\":%lu,\"n\":%u,"
	              "\"p50\":%u,\"p99\":%u,\"max\":%u,\"sum\":%lu}\n",
	              how, begin, end, d.n, d.p50, d.p99, d.max, sum);
	tap_ok(true, "%s: %u times, at worst %u ticks, %lu of %lu in all", how, d.n, d.max, sum,
	       end - begin);
	return tap_done();
}
