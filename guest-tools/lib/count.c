/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"

static u32 counts[MAX_CPUS][256];

static void on_counted(struct interrupt_frame *frame)
{
	u32 *count = &counts[this_cpu()->index][frame->vector];

	apic_eoi();
	atomic_store(count, *count + 1);
}

void count_vector(u32 vector)
{
	interrupt_handle(vector, on_counted);
}

void count_reset(void)
{
	memset(counts, 0, sizeof(counts));
}

u32 count_of(u32 cpu, u32 vector)
{
	return atomic_load(&counts[cpu][vector]);
}

bool count_wait(u32 cpu, u32 vector, u32 n)
{
	u64 start = rdtsc();

	while (count_of(cpu, vector) < n) {
		if (rdtsc() - start > COUNT_LATE_TICKS)
			return false;
		cpu_relax();
	}
	return true;
}

bool count_matches(u32 vector, u64 cpu_mask)
{
	u64 got = 0, wrong = 0;

	for (u32 i = 0; i < cpu_ids_count; i++)
		if (cpu_mask >> i & 1)
			count_wait(i, vector, 1);
	delay_ticks(COUNT_QUIET_TICKS);
	for (u32 i = 0; i < MAX_CPUS; i++)
		for (u32 v = 0; v < 256; v++)
			if (v == vector && count_of(i, v) == 1)
				got |= 1ull << i;
			else if (count_of(i, v) != 0)
				wrong |= 1ull << i;
	count_reset();
	if (got != cpu_mask || wrong != 0)
		print("# CPUs wanted %lx, once %lx, otherwise %lx\n", cpu_mask, got, wrong);
	return got == cpu_mask && wrong == 0;
}

bool count_expect(u32 vector, u64 cpu_mask, const char *what)
{
	return tap_ok(count_matches(vector, cpu_mask), "%s: %s", apic->name, what);
}

void in_both_modes(void (*fn)(void))
{
	fn();
	if (apic == &x2apic_ops)
		tap_skip("xapic", "the machine starts in x2APIC mode");
	else if (apic_use(&x2apic_ops))
		fn();
	else
		tap_skip("x2apic", "the processor has no x2APIC");
}
