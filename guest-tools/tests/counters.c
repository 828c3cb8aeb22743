/* SPDX-License-Identifier: MIT */
/*
 * The counters that a VM with counters=on finds in its memory: its own and nobody else's, exact,
 * read without an exit, and read-only. Without counters=on there is nothing at their place.
 *
 * how=look is the rule. The others are meant to end the VM with a report: how=fetch executes
 * there, how=table keeps a page table there, how=stack takes an exception on a stack there,
 * how=odd stores there by an instruction that no device driver would use.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/window.h"
#include "hv/base/bits.h"

#define EXIT_CPUID         10
#define EXIT_EPT_VIOLATION 48
#define OPERATIONS         25
#define PTE_TABLE          0x7ull
#define PTE_PRESENT        BIT(0)
#define PTE_ACCESSED       BIT(5)
#define PAGE_WORDS         (PAGE_SIZE / sizeof(u64))

/* Exits that come by themselves: the host's interrupts, the end of a slice. */
#define EXIT_EXTERNAL         1
#define EXIT_PREEMPTION_TIMER 52

static u64 page_of(u32 vcpu)
{
	return COUNTERS_GPA + vcpu * COUNTERS_STRIDE;
}

static struct cpuid leaf(u32 number)
{
	return cpuid(hypervisor.tapvisor_base + (number - CPUID_TAP_BASE), 0);
}

/* Exits of this vCPU that it caused itself. */
static u64 own_exits(const struct vcpu_counters *c)
{
	u64 sum = 0;

	for (u32 i = 0; i < EXIT_REASONS; i++)
		if (i != EXIT_EXTERNAL && i != EXIT_PREEMPTION_TIMER)
			sum += atomic_load_relaxed(&c->exit[i].count);
	return sum;
}

static u64 ipi_sends(const struct vcpu_counters *c)
{
	u64 sum = 0;

	for (u32 i = 0; i < IPI_PATHS; i++)
		sum += atomic_load_relaxed(&c->ipi[i].sends);
	return sum;
}

/* ---- what is there ---- */

static bool is_ours(const struct vcpu_counters *c, u32 vm, u32 vcpu)
{
	return c->magic == COUNTERS_MAGIC && c->size == sizeof(*c) && c->vm == vm &&
	       c->vcpu == vcpu;
}

/* What the machine has in whole pages behind the structure must be zeros, not somebody's data. */
static u32 rest_not_zero(const struct vcpu_counters *c)
{
	const u8 *bytes = (const u8 *)c;
	u32 found = 0;

	for (u32 i = sizeof(*c); i < COUNTERS_STRIDE; i++)
		found += bytes[i] != 0;
	return found;
}

static void test_contents(const struct vcpu_counters *first, u32 vcpus)
{
	u32 foreign = 0, rest = 0;

	for (u32 i = 0; i < vcpus; i++) {
		const struct vcpu_counters *c = window_at(page_of(i));

		foreign += !is_ours(c, first->vm, i);
		rest += rest_not_zero(c);
	}
	tap_is(foreign, 0, "the counters of all %u vCPUs are there, of this VM", vcpus);
	tap_is(rest, 0, "and zeros behind them");
	tap_ok(*(const volatile u64 *)window_at(page_of(vcpus)) == ~0ull,
	       "behind the last one's there is nothing");
}

/* ---- exact, and free to read ---- */

static void test_counts(const struct vcpu_counters *c)
{
	u64 cpuids = atomic_load_relaxed(&c->exit[EXIT_CPUID].count);
	u64 sends = ipi_sends(c);

	for (u32 i = 0; i < OPERATIONS; i++)
		cpuid(0, 0);
	tap_is(atomic_load_relaxed(&c->exit[EXIT_CPUID].count) - cpuids, OPERATIONS,
	       "as many CPUID exits as there were CPUIDs");
	/* To an ID that nobody has: counted as sent and dropped, and no handler is needed. */
	for (u32 i = 0; i < OPERATIONS; i++)
		apic_send(0xfe, ICR_FIXED | 0x50);
	tap_is(ipi_sends(c) - sends, OPERATIONS, "as many IPIs as were sent");
}

static u64 ipi_modes(const struct vcpu_counters *c, u32 icr)
{
	u64 sum = 0;

	for (u32 i = 0; i < IPI_PATHS; i++)
		sum += atomic_load_relaxed(&c->ipi[i].mode[icr >> 8 & 7]);
	return sum;
}

/* What kind of message it was is counted, too: again to nobody. */
static void test_modes(void)
{
	static const u32 modes[] = { ICR_FIXED, ICR_LOWEST, ICR_SMI, ICR_NMI, ICR_INIT };
	const struct vcpu_counters *c = counters_of(0);

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		u64 before = ipi_modes(c, modes[i]);

		for (u32 n = 0; n < OPERATIONS; n++)
			apic_send(0xfe, modes[i] | ICR_ASSERT | 0x50);
		tap_is(ipi_modes(c, modes[i]) - before, OPERATIONS, "%s: messages of mode %u",
		       apic->name, modes[i] >> 8);
	}
}

static u64 ipi_requested(const struct vcpu_counters *c)
{
	u64 sum = 0;

	for (u32 i = 0; i < IPI_PATHS; i++)
		sum += atomic_load_relaxed(&c->ipi[i].requested);
	return sum;
}

static void switch_off(void *arg)
{
	(void)arg;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(u64)(APIC_BASE_ENABLE | APIC_BASE_X2APIC));
}

/* CPU 1's APIC is off from here on: it is a target, whichever way a message takes, and gets none.
 */
static void test_targets(const struct vcpu_counters *c)
{
	static const u32 modes[] = { ICR_FIXED, ICR_SMI };

	if (cpu_ids_count < 3) {
		tap_skip("an APIC that is off", "fewer than three CPUs");
		return;
	}
	count_vector(0x50);
	smp_post(1, switch_off, NULL);
	smp_wait(1);
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		u64 before = ipi_requested(c);

		for (u32 n = 0; n < OPERATIONS; n++)
			apic_send(0, modes[i] | ICR_ASSERT | ICR_ALL_BUT_ME | 0x50);
		tap_is(ipi_requested(c) - before, OPERATIONS * (cpu_ids_count - 1),
		       "%s: an APIC that is off is a target, too, mode %u", apic->name,
		       modes[i] >> 8);
	}
}

static void test_reading(const struct vcpu_counters *c)
{
	u64 before = own_exits(c), sum = 0;

	for (u32 round = 0; round < 4; round++)
		for (u32 i = 0; i < COUNTERS_STRIDE / sizeof(u64); i++)
			sum += ((const volatile u64 *)c)[i];
	tap_is(own_exits(c) - before, 0, "reading all of it four times takes no exit (%lx)", sum);
}

/* ---- read-only ---- */

static void store_all_widths(volatile u8 *at)
{
	*at = 0x5a;
	*(volatile u16 *)at = 0x5a5a;
	*(volatile u32 *)at = 0x5a5a5a5a;
	*(volatile u64 *)at = 0x5a5a5a5a5a5a5a5a;
}

static void test_writing(const struct vcpu_counters *c)
{
	static const u32 places[] = { 0,
		                      8,
		                      sizeof(struct vcpu_counters) - 8,
		                      PAGE_SIZE - 8,
		                      PAGE_SIZE,
		                      COUNTERS_STRIDE - 8 };
	u64 violations = atomic_load_relaxed(&c->exit[EXIT_EPT_VIOLATION].count);
	u64 refused = atomic_load_relaxed(&c->count[COUNT_MEMORY_REFUSED]);
	u32 changed = 0;

	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		const volatile u64 *word = (const volatile u64 *)((const u8 *)c + places[i]);
		u64 old = *word;

		store_all_widths((volatile u8 *)(u64)word);
		changed += *word != old;
	}
	tap_is(changed, 0, "stores change nothing");
	tap_is(atomic_load_relaxed(&c->exit[EXIT_EPT_VIOLATION].count) - violations,
	       4 * ARRAY_SIZE(places), "each of them is an EPT violation");
	tap_is(atomic_load_relaxed(&c->count[COUNT_MEMORY_REFUSED]) - refused,
	       4 * ARRAY_SIZE(places), "and counted as refused");
}

/* What reads and writes at once finds what is there, and adds nothing. */
static void test_modifying(const struct vcpu_counters *c)
{
	u64 one = 1;

	__asm__ volatile("lock xaddq %0, (%1)" : "+r"(one) : "r"(&c->magic) : "memory", "cc");
	tap_is(one, COUNTERS_MAGIC, "an addition to the magic number finds it");
	tap_is(c->magic, COUNTERS_MAGIC, "and does not change it");
}

/* The other CPUs store into CPU 0's counters all at once. */
static void store_as_other(void *word)
{
	store_all_widths(word);
}

static void test_writing_of_others(const struct vcpu_counters *c)
{
	if (cpu_ids_count < 2) {
		tap_skip("stores of other vCPUs", "one CPU");
		return;
	}
	smp_post(1, store_as_other, (void *)(u64)&c->created);
	smp_wait(1);
	tap_ok(is_ours(c, c->vm, 0) && c->created != 0x5a5a5a5a5a5a5a5a, "nor do another vCPU's");
}

/* ---- meant to end the VM ---- */

static void do_fetch(const struct vcpu_counters *c)
{
	((void (*)(void))(u64)c)();
}

/* Finds a word that reads as an entry of a page table that the processor has yet to mark as
 * accessed, and goes through it. */
static void do_table(const struct vcpu_counters *c)
{
	const volatile u64 *words = (const volatile u64 *)c;

	for (u32 i = 0; i < sizeof(*c) / sizeof(u64); i++) {
		u64 page = page_of(0) + align_down(i * sizeof(u64), PAGE_SIZE);
		volatile u8 *seen;

		if ((words[i] & (PTE_PRESENT | PTE_ACCESSED)) != PTE_PRESENT)
			continue;
		print("# the entry %lx at %lx\n", words[i], page_of(0) + i * sizeof(u64));
		serial_drain();
		seen = window_entry(page | PTE_TABLE);
		print("# read %x through it\n", seen[i % PAGE_WORDS * PAGE_SIZE]);
		return;
	}
}

static void do_stack(const struct vcpu_counters *c)
{
	__asm__ volatile("mov %0, %%rsp; int3" : : "r"((const u8 *)c + PAGE_SIZE));
}

static void do_odd(const struct vcpu_counters *c)
{
	__asm__ volatile("lock cmpxchg16b (%0)"
	                 :
	                 : "r"(c), "a"(0), "b"(0), "c"(0), "d"(0)
	                 : "memory", "cc");
}

static const struct {
	const char *name;
	void (*act)(const struct vcpu_counters *c);
} ways[] = {
	{ "fetch", do_fetch },
	{ "table", do_table },
	{ "stack", do_stack },
	{ "odd", do_odd },
};

static int misuse(const char *how, const struct vcpu_counters *c)
{
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(how, ways[i].name) != 0)
			continue;
		print("# %s in the counters now\n", how);
		serial_drain();
		ways[i].act(c);
		tap_ok(false, "the VM went on");
		return tap_done();
	}
	print("# how=%s: there are look fetch table stack odd\n", how);
	guest_exit(EXIT_USAGE);
}

static void test_absence(void)
{
	struct cpuid l = leaf(CPUID_TAP_COUNTERS);

	tap_ok((l.eax | l.ecx | l.edx) == 0, "without counters=on their leaf is empty");
	tap_ok(*(const volatile u64 *)window_at(COUNTERS_GPA) == ~0ull,
	       "and nothing is at their place");
}

int guest_main(void)
{
	const char *how = args_text("how", "look");
	const struct vcpu_counters *c = counters_of(0);
	struct cpuid l;

	args_finish();
	if (hypervisor.tapvisor_base == 0) {
		tap_skip("counters", "for a VM of Tapvisor alone");
		return tap_done();
	}
	if (c == NULL) {
		test_absence();
		return tap_done();
	}
	if (strcmp(how, "look") != 0)
		return misuse(how, c);
	smp_start_all();
	l = leaf(CPUID_TAP_COUNTERS);
	tap_ok((u64)l.edx << 32 == (COUNTERS_GPA & ~0xffffffffull) && l.eax == (u32)COUNTERS_GPA &&
	               l.ecx == COUNTERS_STRIDE,
	       "CPUID tells where they are");
	test_contents(c, leaf(CPUID_TAP_FEATURES).ebx);
	interrupts_off();
	test_counts(c);
	test_reading(c);
	test_writing(c);
	interrupts_on();
	test_modifying(c);
	test_writing_of_others(c);
	in_both_modes(test_modes);
	test_targets(c);
	return tap_done();
}
