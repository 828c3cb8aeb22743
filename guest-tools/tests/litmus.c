/* SPDX-License-Identifier: MIT */
/*
 * Message passing by IPI: a store before the send is visible to the handler. In x2APIC mode the
 * send needs a fence before it (SDM 3A 10.12.3); xAPIC's stores to uncached memory and VMCALL need
 * none. fence=0 leaves it out, to see whether this machine ever shows the difference.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_TEST 0x51u
#define WORDS       8u

static struct {
	u64 word[WORDS][8]; /* a cache line each */
} message ALIGNED(64);

static struct {
	u64 round, stale;
} seen ALIGNED(64);

static u32 rounds;
static bool fence;

/* Reads the words in the order opposite to that of the stores. */
static void on_message(struct interrupt_frame *frame)
{
	u64 round = seen.round + 1;

	(void)frame;
	for (u32 i = WORDS; i-- > 0;)
		seen.stale += atomic_load_relaxed(&message.word[i][0]) != round;
	apic_eoi();
	atomic_store(&seen.round, round);
}

static void send_apic(void)
{
	if (apic == &xapic_ops)
		xapic_send(cpu_ids[1], ICR_FIXED | VECTOR_TEST);
	else
		x2apic_send(cpu_ids[1], ICR_FIXED | VECTOR_TEST);
}

static void send_hypercall(void)
{
	hypercall(KVM_HC_SEND_IPI, 1, 0, cpu_ids[1], VECTOR_TEST);
}

static void test_way(void (*send)(void), bool with_fence, const char *what)
{
	u32 round, late = 0;

	seen.round = seen.stale = 0;
	for (round = 1; round <= rounds && late == 0; round++) {
		u64 start = rdtsc();

		for (u32 i = 0; i < WORDS; i++)
			atomic_store_relaxed(&message.word[i][0], (u64)round);
		if (with_fence)
			fence_before_x2apic_write();
		else
			compiler_barrier();
		send();
		while (atomic_load(&seen.round) != round && late == 0) {
			cpu_relax();
			late = rdtsc() - start > COUNT_LATE_TICKS;
		}
	}
	tap_ok(late == 0 && seen.stale == 0, "%s, %s: %u messages, %lu stale words, %u lost",
	       apic->name, what, rounds, seen.stale, late);
}

static void test_mode(void)
{
	test_way(send_apic, fence && apic == &x2apic_ops, "ICR");
	if (hypercall_has_send_ipi())
		test_way(send_hypercall, false, "hypercall");
	else
		tap_skip("hypercall", "not offered");
}

int guest_main(void)
{
	rounds = (u32)args_number("rounds", 2000);
	fence = args_number("fence", 1) != 0;
	args_finish();
	smp_start_all();
	interrupt_handle(VECTOR_TEST, on_message);
	if (cpu_ids_count > 1)
		in_both_modes(test_mode);
	else
		tap_skip("messages", "one CPU");
	return tap_done();
}
