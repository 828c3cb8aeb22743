/* SPDX-License-Identifier: MIT */
/* A CPU's IPIs to itself: every way to send one, order by priority, nesting, coalescing. */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"

#define LOW  0x41u
#define MID  0x42u /* LOW's priority class */
#define HIGH 0x61u

static u32 order[8], order_count;
static bool handler_waits; /* LOW's handler opens interrupts and sends the others to itself */

static void note(u32 what)
{
	if (order_count < ARRAY_SIZE(order))
		order[order_count++] = what;
}

static void on_ordered(struct interrupt_frame *frame)
{
	note((u32)frame->vector);
	if (frame->vector == LOW && handler_waits) {
		apic_send(0, ICR_SELF | MID);
		apic_send(0, ICR_SELF | HIGH);
		interrupts_on();
		delay_ticks(COUNT_QUIET_TICKS);
		interrupts_off();
		note(0);
	}
	apic_eoi();
}

static void test_ways(void)
{
	u32 id = this_cpu()->apic_id;

	interrupts_on();
	apic_send(0, ICR_SELF | LOW);
	count_expect(LOW, 1, "shorthand self");
	apic_send(id, ICR_FIXED | LOW);
	count_expect(LOW, 1, "own physical ID");
	apic_send(apic->logical_id(), ICR_FIXED | ICR_LOGICAL | LOW);
	count_expect(LOW, 1, "own logical ID");
	apic_send(0, ICR_SELF | ICR_ASSERT | LOW);
	count_expect(LOW, 1, "shorthand self, level assert");
	if (apic == &x2apic_ops) {
		apic_write(APIC_SELF_IPI, LOW);
		count_expect(LOW, 1, "self-IPI register");
	}
	interrupts_off();
}

static void test_every_vector(void)
{
	u32 missing = 0;

	interrupts_on();
	for (u32 v = 0x20; v < VECTOR_SPURIOUS; v++) {
		if (v == VECTOR_USER_EXIT || v == VECTOR_WAKE)
			continue;
		count_vector(v);
		apic_send(0, ICR_SELF | v);
		missing += !count_wait(0, v, 1);
	}
	interrupts_off();
	tap_is(missing, 0, "%s: every vector from 0x20 to 0xfe comes", apic->name);
	count_reset();
}

static void test_pending(void)
{
	apic_send(0, ICR_SELF | LOW);
	apic_send(0, ICR_SELF | LOW);
	tap_ok(apic_wait_vector(APIC_IRR, LOW, true, COUNT_LATE_TICKS), "%s: IRR shows what waits",
	       apic->name);
	tap_is(count_of(0, LOW), 0, "%s: nothing comes while interrupts are off", apic->name);
	interrupts_on();
	count_expect(LOW, 1, "two of one vector that wait are one");
	interrupts_off();
	tap_ok(!apic_vector_is_set(APIC_IRR, LOW), "%s: IRR is clear again", apic->name);
	tap_ok(!apic_vector_is_set(APIC_ISR, LOW), "%s: ISR is clear after EOI", apic->name);
}

static void expect_order(const u32 *wanted, u32 n, const char *what)
{
	bool same = order_count == n;

	for (u32 i = 0; i < n; i++)
		same = same && order[i] == wanted[i];
	tap_ok(same, "%s: %s: %x %x %x %x", apic->name, what, order[0], order[1], order[2],
	       order[3]);
	order_count = 0;
	order[0] = order[1] = order[2] = order[3] = 0;
}

static void test_order(void)
{
	static const u32 by_priority[] = { HIGH, MID, LOW };
	static const u32 nested[] = { LOW, HIGH, 0, MID };

	interrupt_handle(LOW, on_ordered);
	interrupt_handle(MID, on_ordered);
	interrupt_handle(HIGH, on_ordered);
	apic_send(0, ICR_SELF | LOW);
	apic_send(0, ICR_SELF | HIGH);
	apic_send(0, ICR_SELF | MID);
	apic_wait_vector(APIC_IRR, MID, true, COUNT_LATE_TICKS);
	interrupts_on();
	delay_ticks(COUNT_QUIET_TICKS);
	interrupts_off();
	expect_order(by_priority, ARRAY_SIZE(by_priority), "highest vector first");

	handler_waits = true;
	interrupts_on();
	apic_send(0, ICR_SELF | LOW);
	delay_ticks(4 * COUNT_QUIET_TICKS);
	interrupts_off();
	handler_waits = false;
	expect_order(nested, ARRAY_SIZE(nested), "a higher class nests, the same class waits");
}

static void test_mode(void)
{
	test_every_vector();
	count_vector(LOW);
	test_ways();
	test_pending();
	test_order();
	count_vector(LOW);
}

int guest_main(void)
{
	in_both_modes(test_mode);
	return tap_done();
}
