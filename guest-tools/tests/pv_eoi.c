/* SPDX-License-Identifier: MIT */
/*
 * KVM's PV EOI, done as Linux does: an EOI that nobody waits for takes no exit, any other does; no
 * interrupt is lost or comes twice, and the APIC's registers never tell the difference.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/pv.h"
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define LOW  0x51u
#define MATE 0x52u /* of the same class: waits for LOW's EOI */
#define HIGH 0x91u

static u32 flags[MAX_CPUS][16] ALIGNED(64), elsewhere ALIGNED(64); /* a line for each */
static u32 skipped[MAX_CPUS], trapped[MAX_CPUS], taken[MAX_CPUS];
static void (*inside)(u32 vector); /* what the next handler does before its EOI */
static u32 order[8], taken_in_order;

static u32 *own_flag(void)
{
	return flags[this_cpu()->index];
}

static void acknowledge(void)
{
	u32 cpu = this_cpu()->index;

	if (pv_skip_eoi(own_flag())) {
		skipped[cpu]++;
	} else {
		apic_eoi();
		trapped[cpu]++;
	}
}

static void on_interrupt(struct interrupt_frame *frame)
{
	void (*fn)(u32 vector) = inside;

	inside = NULL;
	if (taken_in_order < ARRAY_SIZE(order))
		order[taken_in_order++] = (u32)frame->vector;
	if (fn != NULL)
		fn((u32)frame->vector);
	acknowledge();
	atomic_store(&taken[this_cpu()->index], taken[this_cpu()->index] + 1);
}

static void announce_own(void *arg)
{
	(void)arg;
	*own_flag() = 0;
	wrmsr(MSR_KVM_PV_EOI, (u64)own_flag() | PV_ENABLED);
}

static void begin(void)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		skipped[i] = trapped[i] = taken[i] = 0;
	taken_in_order = 0;
}

/* Interrupts come from the second instruction on. */
static void interrupts_on_now(void)
{
	interrupts_on();
	cpu_relax();
}

static void send_self(u32 vector)
{
	apic_send(apic->id(), ICR_FIXED | vector);
}

static bool nothing_in_service(void)
{
	for (u32 v = 0x20; v < 0x100; v++)
		if (apic_vector_is_set(APIC_ISR, v))
			return false;
	return true;
}

static u64 event(enum vcpu_count which)
{
	const struct vcpu_counters *c = counters_of(0);

	return c == NULL ? 0 : atomic_load(&c->count[which]);
}

/* One interrupt, whose handler does this. */
static void one_with(void (*fn)(u32 vector))
{
	begin();
	inside = fn;
	send_self(LOW);
}

/* ---- the MSR ---- */

static void test_msr(void)
{
	static const u64 places[] = { 0xfee00000, 0xfe000000, 1ull << 45, 1ull << 63, ~3ull };
	u64 value = 0;

	tap_ok(!pv_write_msr(MSR_KVM_PV_EOI, (u64)own_flag() | 3), "bit 1 faults");
	for (u32 i = 0; i < ARRAY_SIZE(places); i++)
		tap_ok(!pv_write_msr(MSR_KVM_PV_EOI, places[i] | PV_ENABLED),
		       "PV EOI at %lx faults", places[i]);
	tap_ok(pv_read_msr(MSR_KVM_PV_EOI, &value) && value == 0, "and leaves it off");
	announce_own(NULL);
	tap_ok(pv_read_msr(MSR_KVM_PV_EOI, &value) && value == ((u64)own_flag() | PV_ENABLED),
	       "the MSR tells what was written");
	tap_is(*own_flag(), 0, "nothing in service, nothing to skip");
}

/* ---- alone ---- */

static void test_alone(void)
{
	u64 eois = event(COUNT_EOI), skips = event(COUNT_PV_EOI_SKIPPED);

	begin();
	for (u32 i = 0; i < 100; i++)
		send_self(LOW);
	tap_is(taken[0], 100, "%s: 100 interrupts, each taken once", apic->name);
	tap_is(skipped[0], 100, "%s: and no EOI trapped", apic->name);
	if (counters_of(0) == NULL)
		return;
	tap_is(event(COUNT_EOI) - eois, 0, "%s: none was counted as trapped", apic->name);
	tap_is(event(COUNT_PV_EOI_SKIPPED) - skips, 100, "%s: all as skipped", apic->name);
}

/* ---- what the registers say ---- */

static u32 isr_before, isr_after, ppr_before, ppr_after;

static void look(u32 vector)
{
	isr_before = apic_vector_is_set(APIC_ISR, vector);
	ppr_before = apic_read(APIC_PPR);
	acknowledge();
	isr_after = apic_vector_is_set(APIC_ISR, vector);
	ppr_after = apic_read(APIC_PPR);
	send_self(vector); /* so that there is something to acknowledge behind us */
	taken_in_order--;
	while (!apic_vector_is_set(APIC_IRR, vector))
		cpu_relax();
}

static void test_registers(void)
{
	one_with(look);
	tap_ok(isr_before == 1 && ppr_before == (LOW & 0xf0), "%s: in service before the EOI",
	       apic->name);
	tap_ok(isr_after == 0 && ppr_after == 0, "%s: not after it was skipped", apic->name);
}

/* ---- when others wait ---- */

static u32 flag_seen;

static void see_flag(u32 vector)
{
	(void)vector;
	flag_seen = *own_flag() & 1;
}

static void test_two(void)
{
	begin();
	interrupts_off();
	send_self(MATE);
	send_self(LOW);
	inside = see_flag;
	interrupts_on_now();
	tap_is(taken[0], 2, "%s: two of a class are both taken", apic->name);
	tap_is(flag_seen, 0, "%s: the first one's EOI is waited for", apic->name);
	tap_ok(trapped[0] == 1 && skipped[0] == 1, "%s: the second one's is not", apic->name);
}

static void send_mate(u32 vector)
{
	flag_seen = *own_flag() & 1;
	(void)vector;
	send_self(MATE);
	flag_seen = flag_seen << 1 | (*own_flag() & 1);
}

static void test_withdrawn(void)
{
	one_with(send_mate);
	tap_is(flag_seen, 2, "%s: the offer goes when an interrupt begins to wait", apic->name);
	tap_ok(taken[0] == 2 && trapped[0] == 1 && skipped[0] == 1, "%s: which comes then",
	       apic->name);
}

static void send_high(u32 vector)
{
	(void)vector;
	interrupts_on_now();
	send_self(HIGH);
	interrupts_off();
	flag_seen = *own_flag() & 1;
}

/* Once more where an exit for another's sake settled the skipped EOI, so the next was offered. */
static void test_nested(void)
{
	for (u32 tries = 0; tries < 4 && (tries == 0 || trapped[0] == 0); tries++)
		one_with(send_high);
	tap_ok(taken_in_order == 2 && order[1] == HIGH && taken[0] == 2,
	       "%s: a higher one interrupts the handler", apic->name);
	tap_ok(skipped[0] == 1 && trapped[0] == 1,
	       "%s: its EOI is skipped, the outer one's traps, at once", apic->name);
	tap_ok(nothing_in_service(), "%s: and both are over", apic->name);
	send_self(LOW);
	tap_is(taken[0], 3, "%s: the lower one can come again", apic->name);
}

/* A guest that writes the register although it need not. */
static void write_register(u32 vector)
{
	(void)vector;
	apic_eoi();
	trapped[0]++;
	*own_flag() = 0;
	send_self(LOW); /* taken behind this one: nothing is in service */
}

static void test_register_instead(void)
{
	begin();
	inside = write_register;
	interrupts_off();
	send_self(HIGH);
	interrupts_on_now();
	tap_is(taken[0], 2, "%s: EOI by register with the flag set", apic->name);
}

/* ---- the MSR is written in the middle ---- */

static void switch_off(u32 vector)
{
	(void)vector;
	flag_seen = *own_flag() & 1;
	wrmsr(MSR_KVM_PV_EOI, 0);
	flag_seen = flag_seen << 1 | (*own_flag() & 1);
}

static void move_away(u32 vector)
{
	(void)vector;
	elsewhere = 0;
	flag_seen = *own_flag() & 1;
	wrmsr(MSR_KVM_PV_EOI, (u64)&elsewhere | PV_ENABLED);
	flag_seen = flag_seen << 1 | (*own_flag() & 1);
}

static void test_switched(void)
{
	one_with(switch_off);
	tap_is(flag_seen, 2, "%s: switched off in a handler, the offer is taken back", apic->name);
	send_self(LOW);
	tap_ok(taken[0] == 2 && trapped[0] == 2 && nothing_in_service(), "%s: and EOIs trap",
	       apic->name);
	announce_own(NULL);
	one_with(move_away);
	tap_is(flag_seen, 2, "%s: moved in a handler, it is taken back too", apic->name);
	tap_is(elsewhere, 0, "%s: and the EOI by register leaves none at the new place",
	       apic->name);
	tap_ok(nothing_in_service(), "%s: nothing stays in service", apic->name);
	announce_own(NULL);
}

/* ---- other sources ---- */

static void test_timer(void)
{
	begin();
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | LOW);
	apic_write(APIC_TIMER_INITIAL, 30000);
	while (taken[0] < 20)
		interrupts_on_and_halt();
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	delay_ticks(COUNT_QUIET_TICKS);
	/* Where the core is shared the next may come before an EOI, which then traps. */
	tap_ok(skipped[0] + trapped[0] == taken[0] && skipped[0] > 0,
	       "%s: the timer's EOIs are skipped, and HLT ends each time: %u", apic->name,
	       taken[0]);
}

static u32 sent;

/* The other CPU sends the next when the last has been taken. */
static void sender(void *n)
{
	for (sent = 0; sent < *(u32 *)n; sent++) {
		apic_send(cpu_ids[0], ICR_FIXED | LOW);
		while (atomic_load(&taken[0]) == sent)
			cpu_relax();
	}
}

static void test_sender(bool halts)
{
	u32 n = 200;

	if (cpu_count() == 1)
		return;
	begin();
	smp_post(1, sender, &n);
	while (atomic_load(&taken[0]) < n) {
		if (!halts) {
			cpu_relax();
			continue;
		}
		interrupts_off();
		if (atomic_load(&taken[0]) < n)
			interrupts_on_and_halt();
		interrupts_on();
	}
	smp_wait(1);
	tap_is(taken[0], n, "%s: %u from another CPU, none lost, %s", apic->name, n,
	       halts ? "halting" : "spinning");
	tap_ok(skipped[0] > n / 2, "%s: and most EOIs skipped: %u", apic->name, skipped[0]);
}

/* All CPUs to all: nobody waits for anybody. */
static void flood(void *arg)
{
	static const u32 vectors[] = { HIGH, LOW, MATE };
	(void)arg;
	for (u32 i = 0; i < 100; i++)
		for (u32 cpu = 0; cpu < cpu_count(); cpu++)
			apic_send(cpu_ids[cpu], ICR_FIXED | vectors[i % ARRAY_SIZE(vectors)]);
}

static void test_flood(void)
{
	u32 wrong = 0;

	begin();
	smp_run_all(flood, NULL);
	delay_ticks(COUNT_QUIET_TICKS);
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		wrong += taken[cpu] == 0 || skipped[cpu] + trapped[cpu] != taken[cpu];
	tap_is(wrong, 0, "%s: a flood: as many EOIs as interrupts on each CPU", apic->name);
	tap_ok(nothing_in_service(), "%s: nothing stays in service", apic->name);
}

static void test_mode(void)
{
	smp_run_all(announce_own, NULL);
	interrupts_on();
	test_alone();
	test_registers();
	test_two();
	test_withdrawn();
	test_nested();
	test_register_instead();
	test_switched();
	test_timer();
	test_sender(false);
	test_sender(true);
	test_flood();
	interrupts_off();
}

static void test_init(void)
{
	if (cpu_count() > 1)
		tap_is(pv_msr_after_init(MSR_KVM_PV_EOI), 0, "INIT clears the MSR, as KVM does");
}

int guest_main(void)
{
	args_finish();
	smp_start_all();
	interrupt_handle(LOW, on_interrupt);
	interrupt_handle(MATE, on_interrupt);
	interrupt_handle(HIGH, on_interrupt);
	if (pv_has(KVM_FEATURE_PV_EOI)) {
		test_msr();
		in_both_modes(test_mode);
		test_init();
	} else {
		tap_skip("KVM's PV EOI", "not offered");
	}
	return tap_done();
}
