/* SPDX-License-Identifier: MIT */
/*
 * Physical destinations: each CPU from each CPU, IDs that nobody has, the broadcast ID; from an
 * APIC that is disabled by SVR, which sends but takes none; and messages that are no interrupt.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_TEST 0x51u

struct order {
	u32 destination, icr;
};

static void send_job(void *arg)
{
	const struct order *o = arg;

	apic_send(o->destination, o->icr);
}

/* Lets a CPU send; CPU 0 does it itself. */
static void send_from(u32 cpu, u32 destination, u32 icr)
{
	struct order order = { destination, icr };

	if (cpu == 0) {
		send_job(&order);
		return;
	}
	smp_post(cpu, send_job, &order);
	smp_wait(cpu);
}

static void test_each(void)
{
	for (u32 from = 0; from < cpu_ids_count; from++)
		for (u32 to = 0; to < cpu_ids_count; to++) {
			send_from(from, cpu_ids[to], ICR_FIXED | VECTOR_TEST);
			count_expect(VECTOR_TEST, 1ull << to, "one CPU by its ID");
		}
}

static void test_nobody(void)
{
	u32 none = cpu_ids_count;

	for (u32 i = 0; i < cpu_ids_count; i++)
		none = cpu_ids[i] >= none ? cpu_ids[i] + 1 : none;
	apic_send(none, ICR_FIXED | VECTOR_TEST);
	count_expect(VECTOR_TEST, 0, "the first ID that nobody has");
	apic_send(0xfe, ICR_FIXED | VECTOR_TEST);
	count_expect(VECTOR_TEST, 0, "ID 0xfe");
	if (apic == &x2apic_ops) {
		apic_send(0x7fffffff, ICR_FIXED | VECTOR_TEST);
		tap_bare(count_matches(VECTOR_TEST, 0), "Bochs looks at the last byte",
		         "x2apic: ID 0x7fffffff");
	}
}

static void test_broadcast_id(void)
{
	u64 all = (1ull << cpu_ids_count) - 1;

	apic_send(apic == &x2apic_ops ? X2APIC_BROADCAST : XAPIC_BROADCAST,
	          ICR_FIXED | VECTOR_TEST);
	count_expect(VECTOR_TEST, all, "the broadcast ID reaches all, the sender too");
	if (!hypervisor.present) {
		tap_skip("lowest priority to one ID", "Bochs drops it");
		return;
	}
	apic_send(cpu_ids[cpu_ids_count - 1], ICR_LOWEST | VECTOR_TEST);
	count_expect(VECTOR_TEST, 1ull << (cpu_ids_count - 1), "lowest priority to one ID");
}

/* SDM volume 3A, "Local APIC State After It Has Been Software Disabled". */
static void test_disabled_sender(void)
{
	u32 svr = apic_read(APIC_SVR);
	u64 all = (1ull << cpu_ids_count) - 1;

	apic_write(APIC_SVR, svr & ~SVR_ENABLE);
	for (u32 to = 1; to < cpu_ids_count; to++) {
		apic_send(cpu_ids[to], ICR_FIXED | VECTOR_TEST);
		count_expect(VECTOR_TEST, 1ull << to, "sent while disabled by SVR");
	}
	apic_send(0, ICR_ALL_BUT_ME | VECTOR_TEST);
	count_expect(VECTOR_TEST, all & ~1ull, "by shorthand while disabled by SVR");
	apic_send(cpu_ids[0], ICR_FIXED | VECTOR_TEST);
	tap_bare(count_matches(VECTOR_TEST, 0), "Bochs' APICs take what is sent to them disabled",
	         "%s: to oneself while disabled by SVR", apic->name);
	apic_write(APIC_SVR, svr);
	count_expect(VECTOR_TEST, 0, "which is lost, also when enabled again");
	apic_send(cpu_ids[0], ICR_FIXED | VECTOR_TEST);
	count_expect(VECTOR_TEST, 1, "to oneself when enabled again");
}

/* By all paths together, for which one it is depends on the mode and on who serves the APIC. */
struct dropped {
	u64 sends, dropped;
};

static struct dropped dropped_so_far(u32 mode)
{
	const struct vcpu_counters *counters = counters_of(0);
	struct dropped d = { 0 };

	for (u32 i = 0; i < IPI_PATHS && counters != NULL; i++) {
		d.sends += atomic_load_relaxed(&counters->ipi[i].mode[mode]);
		d.dropped += atomic_load_relaxed(&counters->ipi[i].dropped);
	}
	return d;
}

/* To each CPU one. SMI: there is no SMM in a VM. ExtINT: reserved in the ICR. */
static void test_not_for_guests(u32 icr, const char *name, const char *reason)
{
	struct dropped before = dropped_so_far(icr >> 8 & 7), after;

	for (u32 to = 0; to < cpu_ids_count; to++)
		apic_send(cpu_ids[to], icr | ICR_ASSERT);
	tap_bare(count_matches(VECTOR_TEST, 0), reason, "%s: %s reaches nobody", apic->name, name);
	after = dropped_so_far(icr >> 8 & 7);
	if (counters_of(0) != NULL)
		tap_ok(after.sends - before.sends == cpu_ids_count &&
		               after.dropped - before.dropped == cpu_ids_count,
		       "%s: %s is counted as dropped", apic->name, name);
}

static void test_mode(void)
{
	interrupts_on();
	test_each();
	test_nobody();
	test_broadcast_id();
	test_disabled_sender();
	test_not_for_guests(ICR_EXTINT | VECTOR_TEST, "ExtINT", "Bochs takes it as fixed");
	if (hypervisor.present)
		test_not_for_guests(ICR_SMI, "SMI", "");
	else
		tap_skip("SMI reaches nobody", "without a hypervisor it is the firmware's");
	interrupts_off();
}

int guest_main(void)
{
	smp_start_all();
	count_vector(VECTOR_TEST);
	in_both_modes(test_mode);
	return tap_done();
}
