/* SPDX-License-Identifier: MIT */
/*
 * CR4 by writes that change MCE, which a hypervisor may keep for itself: each does as without one
 * what it says of the other bits, and reads back.
 */
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"

#define CR4_PAE   BIT(5)
#define CR4_MCE   BIT(6)
#define CR4_PGE   BIT(7)
#define CR4_PCIDE BIT(17)
#define CR3_PWT   BIT(3)

#define EXIT_CR_ACCESS 28

static void write(void *arg)
{
	write_cr4(*(const u64 *)arg);
}

static void accepted(u64 value, const char *what)
{
	tap_is((u64)trap_call(write, &value), ~0ull, "%s: is taken", what);
	tap_is(read_cr4(), value, "%s: reads back", what);
}

static void refused(u64 value, const char *what)
{
	u64 before = read_cr4();

	tap_is((u64)trap_call(write, &value), VECTOR_GP, "%s: #GP", what);
	tap_is(read_cr4(), before, "%s: nothing is changed", what);
}

static void test_pcide(u64 cr4)
{
	u64 cr3 = read_cr3();

	if ((cpuid(1, 0).ecx >> 17 & 1) == 0) {
		tap_skip("PCIDE", "the processor has no PCIDs");
		return;
	}
	write_cr3(cr3 | CR3_PWT);
	refused((cr4 | CR4_PCIDE) ^ CR4_MCE, "PCIDE and MCE, with CR3's low bits not 0");
	write_cr3(cr3);
	accepted((cr4 | CR4_PCIDE) ^ CR4_MCE, "PCIDE and MCE");
	accepted(cr4, "both as they were");
}

/* The processor itself would shut down at a machine check, if MCE were the guest's to clear. */
static void test_owner(u64 cr4)
{
	const struct vcpu_counters *c = counters_of(0);
	u64 exits;

	if (c == NULL) {
		tap_skip("a change of MCE exits, another does not", "there are no counters");
		return;
	}
	exits = atomic_load_relaxed(&c->exit[EXIT_CR_ACCESS].count);
	write_cr4(cr4 ^ CR4_PGE);
	write_cr4(cr4 ^ CR4_MCE);
	write_cr4(cr4);
	tap_is(atomic_load_relaxed(&c->exit[EXIT_CR_ACCESS].count) - exits, 2,
	       "a change of MCE exits, another does not");
}

int guest_main(void)
{
	u64 cr4 = read_cr4();

	test_owner(cr4);
	accepted(cr4 & ~CR4_MCE, "MCE off");
	accepted(cr4 | CR4_MCE, "MCE on");
	accepted((cr4 & ~CR4_MCE) ^ CR4_PGE, "MCE off, PGE changed");
	accepted(cr4 | CR4_MCE, "MCE on, PGE as it was");
	refused(read_cr4() & ~(CR4_MCE | CR4_PAE), "MCE off, PAE off in long mode");
	refused(read_cr4() ^ (CR4_MCE | BIT(63)), "MCE off, a bit that does not exist");
	test_pcide(read_cr4());
	return tap_done();
}
