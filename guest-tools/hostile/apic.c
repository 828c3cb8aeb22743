/* SPDX-License-Identifier: MIT */
/* Hypercalls, the APIC's timer and LVT, its ICR and what steers what comes. */
#include "guest-tools/hostile/hostile.h"
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/smp.h"

/* ---- hypercalls ---- */

static const u64 numbers[] = {
	KVM_HC_SEND_IPI, KVM_HC_SCHED_YIELD, KVM_HC_KICK_CPU, TAP_HC_SEND_IPI, TAP_HC_FLUSH_TLB,
};

/* INIT and SIPI to CPU 0 end this life. */
static u64 mostly_harmless(u64 *seed, u64 icr)
{
	u64 mode = icr & 0x700;

	return (mode == ICR_INIT || mode == ICR_STARTUP) && !once_in(seed, 256) ? icr & ~0x700ull
	                                                                        : icr;
}

static u64 argument(u64 *seed)
{
	return once_in(seed, 2) ? below(seed, 8) : wild(seed);
}

static void hypercall_operate(u64 *seed)
{
	u64 number = once_in(seed, 4) ? wild(seed) : ONE_OF(seed, numbers);
	u64 a0 = argument(seed), a1 = argument(seed), a2 = argument(seed);

	if (number == TAP_HC_SEND_IPI || number == TAP_HC_FLUSH_TLB)
		a0 = once_in(seed, 2) ? (u64)scratch + 8 * below(seed, 64) : a0;
	*(u64 *)(scratch + 8 * below(seed, 64)) = wild(seed);
	hypercall(number, a0, a1, a2, mostly_harmless(seed, wild(seed)));
	window_for_interrupts();
}

static void start_others(void)
{
	smp_idle_halts = true;
	smp_start_all();
	(void)!apic_use(&x2apic_ops);
}

const struct kind kind_hypercall = {
	.name = "hypercall",
	.step = 2048,
	.begin = start_others,
	.operate = hypercall_operate,
};

/* ---- timer and LVT ---- */

static const enum apic_register entries[] = {
	APIC_LVT_CMCI,  APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF,
	APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR,
};

static void timer_operate(u64 *seed)
{
	u32 value = (u32)random_next(seed);

	switch (below(seed, 8)) {
	case 0:
	case 1:
		apic_write(APIC_TIMER_INITIAL, once_in(seed, 2) ? value : (u32)below(seed, 2000));
		break;
	case 2:
		apic_write(APIC_TIMER_DIVIDE, value & 0xb);
		break;
	case 3:
		apic_write(APIC_LVT_TIMER, value & 0x700ff);
		break;
	case 4:
		apic_write(ONE_OF(seed, entries), value & 0x1f7ff);
		break;
	case 5:
		wrmsr(MSR_TSC_DEADLINE,
		      once_in(seed, 2) ? wild(seed) : rdtsc() + below(seed, 100000));
		break;
	case 6:
		wrmsr(once_in(seed, 2) ? MSR_TSC : MSR_TSC_ADJUST, wild(seed));
		break;
	default:
		(void)apic_read(APIC_TIMER_CURRENT);
		(void)rdmsr(MSR_TSC_DEADLINE);
		break;
	}
	window_for_interrupts();
}

static void use_either(void)
{
	if (rdtsc() & 0x40)
		(void)!apic_use(&x2apic_ops);
}

const struct kind kind_timer = {
	.name = "timer",
	.step = 2048,
	.begin = use_either,
	.operate = timer_operate,
};

/* ---- ICR ---- */

static const enum apic_register steering[] = {
	APIC_TPR, APIC_EOI, APIC_SVR, APIC_ESR, APIC_SELF_IPI, APIC_LDR, APIC_DFR, APIC_ID,
};

/* SIPI starts the others where the kit does, as a rule. */
static u32 any_icr(u64 *seed)
{
	u32 icr = (u32)random_next(seed) & 0xccfff;

	if ((icr & 0x700) == ICR_STARTUP && !once_in(seed, 256))
		icr = (icr & ~0xffu) | TRAMPOLINE >> 12;
	if ((icr & 0xc0000) == ICR_ALL || (icr & 0xc0000) == ICR_SELF)
		icr = (u32)mostly_harmless(seed, icr);
	return icr;
}

static void icr_operate(u64 *seed)
{
	u32 destination = once_in(seed, 8) ? (u32)wild(seed) : (u32)below(seed, 5);

	if (once_in(seed, 8)) {
		enum apic_register reg = ONE_OF(seed, steering);

		apic_write(reg,
		           reg == APIC_SVR ? 0xff | (u32)below(seed, 16) << 8 : (u32)wild(seed));
	} else {
		u32 icr = any_icr(seed);

		/* Not INIT to itself, where one ID is meant. */
		if (destination == 0 || (icr & ICR_LOGICAL) != 0 || destination > 4)
			icr = (u32)mostly_harmless(seed, icr);
		x2apic_send(destination, icr);
	}
	window_for_interrupts();
	if (once_in(seed, 64)) {
		apic_write(APIC_SVR, 0x1ff);
		apic_write(APIC_TPR, 0);
	}
}

const struct kind kind_icr = {
	.name = "icr",
	.step = 512,
	.begin = start_others,
	.operate = icr_operate,
};
