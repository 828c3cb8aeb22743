/* SPDX-License-Identifier: MIT */
/*
 * `hostile KIND seed=n`: `ops=` random operations of that kind, or as many as `for=` ticks allow.
 * `life=1` mixes the clock into the seed, so that a VM which is made anew after an operation that
 * ended it tries something else; the seed that counts stands in each line of progress, and `seed=`
 * alone does the same operations again. `step=` operations lie between two lines.
 */
#include "guest-tools/hostile/hostile.h"
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/random.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/atomic.h"

#define CLOCK_EVERY 64u

static const struct kind *const kinds[] = {
	&kind_msr,   &kind_cpuid,    &kind_control,   &kind_debug, &kind_port,
	&kind_mmio,  &kind_ioapic,   &kind_hypercall, &kind_timer, &kind_icr,
	&kind_pages, &kind_segments, &kind_real,
};

u8 scratch[SCRATCH_BYTES] ALIGNED(4096);

static const struct kind *kind;
static u64 first_seed, seed;
static u64 done, faults;
static u64 interrupts;

bool once_in(u64 *state, u64 n)
{
	return random_next(state) % n == 0;
}

u64 below(u64 *state, u64 n)
{
	return random_next(state) % n;
}

u64 wild(u64 *state)
{
	u64 x = random_next(state);

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
	case 5:
		return (u64)scratch + (x >> 52) % SCRATCH_BYTES;
	default:
		return x;
	}
}

void window_for_interrupts(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

/* It may come while the APIC is in any mode, or is none: a store to nowhere then. */
static FROM_INTERRUPT void end_interrupt(void)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC)
		wrmsr(x2apic_msr(APIC_EOI), 0);
	else
		xapic_write(APIC_EOI, 0);
}

static void on_interrupt(struct interrupt_frame *frame)
{
	(void)frame;
	atomic_store(&interrupts, interrupts + 1);
	end_interrupt();
}

/*
 * An interrupt may have the vector of an exception with an error code, and comes without one: so it
 * has no use for the kit's entry. The exceptions themselves do not come: AC, CP, VC, SX.
 */
static const u8 raw_vectors[] = { 17, 21, 29, 30 };

__attribute__((interrupt)) static void on_raw(struct raw_frame *frame)
{
	(void)frame;
	end_interrupt();
}

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
}

/* Breakpoints that the loop itself runs into are taken away. */
static void on_debug(struct interrupt_frame *frame)
{
	write_dr7(0x400);
	frame->rflags = (frame->rflags & ~0x100ull) | 0x10000; /* TF, RF */
}

static void report(const char *how)
{
	print_machine("{\"type\":\"hostile\",\"kind\":\"%s\",\"seed\":%lu,\"ops\":%lu,"
	              "\"faults\":%lu,\"how\":\"%s\"}\n",
	              kind->name, first_seed, done, faults, how);
}

static void one(void *unused)
{
	(void)unused;
	kind->operate(&seed);
}

/* The host's clock, whatever has been written to the guest's. */
static u64 host_time(void)
{
	return rdtsc() - rdmsr(MSR_TSC_ADJUST);
}

static void go_wild(u64 ops, u64 ticks, u32 step)
{
	u64 begin = host_time();

	report("begins");
	for (done = 0; done < ops;) {
		faults += trap_call(one, NULL) != -1;
		done++;
		if (kind->restore != NULL)
			kind->restore();
		if (done % step == 0)
			report("goes on");
		if (done % CLOCK_EVERY == 0 && host_time() - begin >= ticks)
			break;
	}
	report("ends");
}

static bool choose(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		kind = kinds[i];
		if (strcmp(kind->name, name) == 0)
			return true;
	}
	return false;
}

/* From 20 on no processor here has an exception; 16, 18 and 19 do not come. */
static void handle_all(void)
{
	for (u32 v = 16; v < 256; v++)
		interrupt_handle(v, on_interrupt);
	for (u32 i = 0; i < ARRAY_SIZE(raw_vectors); i++)
		interrupt_handle_raw(raw_vectors[i], on_raw);
	interrupt_handle(VECTOR_NMI, on_nmi);
	interrupt_handle(VECTOR_DB, on_debug);
}

int guest_main(void)
{
	const char *name = args_word(0, "cpuid");
	u64 ops = args_number("ops", 100), ticks = args_number("for", ~0ull >> 1);
	u32 step = (u32)args_number("step", 0);
	bool lives = args_number("life", 0) != 0;

	first_seed = args_number("seed", 1);
	if (lives)
		first_seed = (first_seed * 1000003 + rdtsc()) & 0xffffffffffff;
	args_finish();
	if (!choose(name)) {
		tap_ok(false, "%s: there is no such kind", name);
		return tap_done();
	}
	if (hypervisor.tapvisor_base == 0) {
		tap_skip(name, "for a VM alone");
		return tap_done();
	}
	handle_all();
	seed = first_seed;
	if (kind->begin != NULL)
		kind->begin();
	go_wild(ops, ticks, step != 0 ? step : kind->step);
	tap_ok(done > 0, "%s: %lu operations, %lu faults, %lu interrupts: still here", name, done,
	       faults, interrupts);
	interrupts_off();
	while (lives) /* whoever ended would be made anew */
		halt();
	return tap_done();
}
