/* SPDX-License-Identifier: MIT */
/*
 * NMIs: to self and to others, with interrupts off, out of HLT; blocked while one is handled and
 * delivered once after its IRET; any IRET ends the blocking, that of an exception in the handler
 * too; what is blocked does not end HLT.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/tap.h"

enum behaviour {
	JUST_COUNT,
	SEND_AGAIN,          /* two more to itself while the first is handled */
	SEND_AGAIN_AND_TRAP, /* likewise, then an exception whose IRET unblocks */
	SEND_AGAIN_AND_HALT, /* one more, then HLT until the timer */
};

#define VECTOR_TIMER 0x61u
#define NAP          100000u /* ticks, if the timer counts one in each */

struct nmi_state {
	u32 count, depth, deepest;
	u32 rung; /* the timer, when HLT was over */
	enum behaviour behaviour;
} ALIGNED(64);

static struct nmi_state states[MAX_CPUS];

/* The timer's handler is the way out; its IRET lets the second NMI in. */
static void halt_for_timer(struct nmi_state *s)
{
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, NAP);
	interrupts_on_and_halt();
	s->rung = count_of(this_cpu()->index, VECTOR_TIMER);
	interrupts_off();
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

static void on_breakpoint(struct interrupt_frame *frame)
{
	(void)frame;
}

static void on_nmi(struct interrupt_frame *frame)
{
	struct nmi_state *s = &states[this_cpu()->index];
	enum behaviour behaviour = s->behaviour;

	(void)frame;
	s->count++;
	s->depth++;
	if (s->depth > s->deepest)
		s->deepest = s->depth;
	if (behaviour != JUST_COUNT) {
		s->behaviour = JUST_COUNT;
		apic_send(this_cpu()->apic_id, ICR_NMI | ICR_ASSERT);
		apic_send(this_cpu()->apic_id, ICR_NMI | ICR_ASSERT);
		delay_ticks(COUNT_QUIET_TICKS);
		if (behaviour == SEND_AGAIN_AND_TRAP)
			__asm__ volatile("int3");
		if (behaviour == SEND_AGAIN_AND_HALT)
			halt_for_timer(s);
	}
	s->depth--;
}

static bool wait_count(u32 cpu, u32 n)
{
	u64 start = rdtsc();

	while ((atomic_load(&states[cpu].count) < n || atomic_load(&states[cpu].depth) != 0) &&
	       rdtsc() - start < COUNT_LATE_TICKS)
		cpu_relax();
	delay_ticks(COUNT_QUIET_TICKS);
	if (atomic_load(&states[cpu].count) != n)
		print("# count %u, depth %u\n", states[cpu].count, states[cpu].depth);
	return atomic_load(&states[cpu].count) == n;
}

static void nmi_to(u32 cpu, enum behaviour behaviour)
{
	states[cpu] = (struct nmi_state){ .behaviour = behaviour };
	apic_send(cpu_ids[cpu], ICR_NMI | ICR_ASSERT);
}

static void test_cpu(u32 cpu)
{
	nmi_to(cpu, JUST_COUNT);
	tap_ok(wait_count(cpu, 1), "%s: CPU %u gets an NMI once", apic->name, cpu);
	nmi_to(cpu, SEND_AGAIN);
	tap_ok(wait_count(cpu, 2), "%s: CPU %u: two sent while one is handled are one more",
	       apic->name, cpu);
	tap_is(states[cpu].deepest, 1, "%s: CPU %u: and it waits for IRET", apic->name, cpu);
	nmi_to(cpu, SEND_AGAIN_AND_TRAP);
	tap_ok(wait_count(cpu, 2), "%s: CPU %u: likewise with an exception in the handler",
	       apic->name, cpu);
	tap_is(states[cpu].deepest, 2, "%s: CPU %u: whose IRET lets it nest", apic->name, cpu);
}

static void halt_once(void *arg)
{
	u64 flags = read_flags();

	interrupts_off();
	atomic_store((bool *)arg, true);
	halt();
	if (flags & RFLAGS_IF)
		interrupts_on();
}

static void test_halt(void)
{
	bool asleep = false;

	smp_post(1, halt_once, &asleep);
	while (!atomic_load(&asleep))
		cpu_relax();
	delay_ticks(COUNT_QUIET_TICKS);
	nmi_to(1, JUST_COUNT);
	tap_ok(wait_count(1, 1), "%s: an NMI in HLT is handled", apic->name);
	smp_wait(1);
	tap_ok(true, "%s: and ends it, interrupts off or not", apic->name);
}

static void test_halt_in_handler(void)
{
	nmi_to(0, SEND_AGAIN_AND_HALT);
	tap_ok(wait_count(0, 2), "%s: an NMI in the handler's HLT comes after it", apic->name);
	tap_is(states[0].rung, 1, "%s: and does not end it", apic->name);
	count_reset();
}

static void test_mode(void)
{
	for (u32 cpu = 0; cpu < cpu_ids_count && cpu < 4; cpu++)
		test_cpu(cpu);
	if (cpu_ids_count > 1)
		test_halt();
	else
		tap_skip("HLT", "one CPU");
	test_halt_in_handler();
}

int guest_main(void)
{
	smp_start_all();
	interrupt_handle(VECTOR_NMI, on_nmi);
	interrupt_handle(VECTOR_BP, on_breakpoint);
	count_vector(VECTOR_TIMER);
	in_both_modes(test_mode);
	return tap_done();
}
