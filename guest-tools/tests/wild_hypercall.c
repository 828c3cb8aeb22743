/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls without sense: random numbers and arguments, and the real numbers with random
 * arguments. INIT and SIPI are left out: they would do what they are for.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/tap.h"

static const u64 numbers[] = {
	KVM_HC_SEND_IPI, KVM_HC_SCHED_YIELD, KVM_HC_KICK_CPU, TAP_HC_SEND_IPI, TAP_HC_FLUSH_TLB,
};

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
}

/* Numbers of all sizes: small ones, ones near a border, any. */
static u64 random_argument(u64 *seed)
{
	u64 x = random_next(seed);

	switch (x & 7) {
	case 0:
		return x >> 60;
	case 1:
		return 0xffffffff - (x >> 60);
	case 2:
		return ~0ull - (x >> 60);
	case 3:
		return x >> 32;
	case 4:
		return 1ull << (x >> 58);
	default:
		return x;
	}
}

static u64 harmless_icr(u64 icr)
{
	u64 mode = icr & 0x700;

	return mode == ICR_INIT || mode == ICR_STARTUP ? icr & ~0x700ull : icr;
}

static void test_numbers(u32 n, u64 *seed)
{
	u32 wrong = 0;

	for (u32 i = 0; i < n; i++) {
		u64 number = random_next(seed) | 0x80000000;
		s64 result = hypercall(number, random_argument(seed), random_argument(seed),
		                       random_argument(seed), random_argument(seed));

		wrong += result != KVM_ENOSYS;
	}
	tap_is(wrong, 0, "%u unknown numbers: each is refused, still here", n);
}

static void test_arguments(u32 n, u64 *seed)
{
	u32 wrong = 0;

	for (u32 i = 0; i < n; i++) {
		u64 number = numbers[i % ARRAY_SIZE(numbers)];
		s64 result = hypercall(number, random_argument(seed), random_argument(seed),
		                       random_argument(seed), harmless_icr(random_argument(seed)));

		wrong += result > 1024 || result < KVM_ENOSYS;
	}
	tap_is(wrong, 0, "%u calls with wild arguments: still here", n);
}

int guest_main(void)
{
	u64 seed = args_number("seed", 1);
	u32 n = (u32)args_number("n", 5000);

	args_finish();
	interrupt_handle(VECTOR_NMI, on_nmi);
	if (hypervisor.kvm_base == 0 && hypervisor.tapvisor_base == 0) {
		tap_skip("hypercalls", "no hypervisor that takes VMCALL");
	} else {
		test_numbers(n, &seed);
		test_arguments(n, &seed);
	}
	return tap_done();
}
