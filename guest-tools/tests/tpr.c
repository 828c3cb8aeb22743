/* SPDX-License-Identifier: MIT */
/*
 * Task priority: what it holds back, CR8 as its upper half, PPR, and IPIs that wait for it. A VM
 * with counters=on sees as well what moving to and from CR8 costs in exits.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/count.h"
#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/tap.h"

#define VECTOR_4 0x4fu /* of priority class 4 */
#define VECTOR_6 0x61u

static u32 ppr_in_handler;

static void on_look(struct interrupt_frame *frame)
{
	(void)frame;
	ppr_in_handler = apic_read(APIC_PPR);
	apic_eoi();
}

static void held(u32 vector, const char *what)
{
	delay_ticks(COUNT_QUIET_TICKS);
	tap_ok(count_of(0, vector) == 0 && apic_vector_is_set(APIC_IRR, vector), "%s: %s",
	       apic->name, what);
}

static void test_mask(void)
{
	apic_write(APIC_TPR, 0x50);
	tap_is(read_cr8(), 5, "%s: CR8 is TPR's upper half", apic->name);
	tap_is(apic_read(APIC_PPR), 0x50, "%s: PPR follows TPR", apic->name);
	apic_send(0, ICR_SELF | VECTOR_4);
	held(VECTOR_4, "a lower class is held back");
	apic_send(0, ICR_SELF | VECTOR_6);
	tap_ok(count_wait(0, VECTOR_6, 1), "%s: a higher class comes", apic->name);
	count_reset();
	apic_write(APIC_TPR, 0x45);
	held(VECTOR_4, "its own class is held back, whatever the lower half");
	apic_write(APIC_TPR, 0x3f);
	count_expect(VECTOR_4, 1, "and comes when TPR falls below it");
}

static void test_cr8(void)
{
	write_cr8(6);
	tap_is(apic_read(APIC_TPR), 0x60, "%s: TPR is CR8's value", apic->name);
	apic_send(0, ICR_SELF | VECTOR_6);
	held(VECTOR_6, "CR8 holds its class back");
	write_cr8(5);
	count_expect(VECTOR_6, 1, "and lets it come");
	apic_write(APIC_TPR, 0x57);
	tap_is(apic_read(APIC_TPR), 0x57, "%s: TPR keeps its lower half", apic->name);
	tap_is(apic_read(APIC_PPR), 0x57, "%s: and PPR shows it", apic->name);
	write_cr8(15);
	apic_send(0, ICR_SELF | 0xef);
	held(0xef, "CR8 = 15 holds everything back");
	write_cr8(0);
	count_expect(0xef, 1, "and CR8 = 0 nothing");
	tap_is(apic_read(APIC_TPR), 0, "%s: CR8 clears TPR's lower half", apic->name);
}

/* SDM volume 3A, "Local APIC State After It Has Been Software Disabled": IRR and TPR stay. */
static void test_disabled(bool again)
{
	u32 svr = apic_read(APIC_SVR);

	write_cr8(6);
	apic_send(0, ICR_SELF | VECTOR_6);
	apic_write(APIC_SVR, svr & ~SVR_ENABLE);
	if (again)
		apic_write(APIC_SVR, svr);
	held(VECTOR_6, again ? "held back while the APIC is disabled by SVR and enabled again"
	                     : "held back while the APIC is disabled by SVR");
	write_cr8(5);
	count_expect(VECTOR_6, 1, "and comes when CR8 falls, all the same");
	apic_write(APIC_SVR, svr);
	write_cr8(0);
}

static void test_ppr(void)
{
	interrupt_handle(VECTOR_6, on_look);
	ppr_in_handler = 0;
	apic_send(0, ICR_SELF | VECTOR_6);
	delay_ticks(COUNT_QUIET_TICKS);
	tap_is(ppr_in_handler, 0x60, "%s: PPR is the class in service", apic->name);
	apic_write(APIC_TPR, 0x52);
	apic_send(0, ICR_SELF | VECTOR_6);
	delay_ticks(COUNT_QUIET_TICKS);
	tap_is(ppr_in_handler, 0x60, "%s: if that is above TPR", apic->name);
	tap_is(apic_read(APIC_PPR), 0x52, "%s: and TPR again after EOI", apic->name);
	apic_write(APIC_TPR, 0);
	count_vector(VECTOR_6);
}

/* ---- exits of CR8 ---- */

#define ROUNDS 40u

/* SDM volume 3, appendix C. */
#define EXIT_CR_ACCESS     28
#define EXIT_TPR_THRESHOLD 43

struct cr8_counts {
	u64 moves, thresholds, eois;
};

static struct cr8_counts cr8_counts(const struct vcpu_counters *c)
{
	return (struct cr8_counts){ c->exit[EXIT_CR_ACCESS].count,
		                    c->exit[EXIT_TPR_THRESHOLD].count, c->count[COUNT_EOI] };
}

static struct cr8_counts cr8_since(const struct vcpu_counters *c, struct cr8_counts before)
{
	struct cr8_counts now = cr8_counts(c);

	return (struct cr8_counts){ now.moves - before.moves, now.thresholds - before.thresholds,
		                    now.eois - before.eois };
}

/*
 * Four moves a round. The interrupt is sent when TPR holds it back; or before, while IF is 0, and
 * TPR rises with no exit. It comes with the last move.
 */
static void let_come(bool early)
{
	u64 read = 0, too_soon = 0;

	count_reset();
	for (u32 n = 0; n < ROUNDS; n++) {
		if (early) {
			interrupts_off();
			apic_send(0, ICR_SELF | VECTOR_4);
			apic_wait_vector(APIC_IRR, VECTOR_4, true, COUNT_LATE_TICKS);
		}
		write_cr8(6);
		if (early)
			interrupts_on();
		else
			apic_send(0, ICR_SELF | VECTOR_4);
		read += read_cr8();
		write_cr8(4);
		too_soon += count_of(0, VECTOR_4) != n;
		write_cr8(3);
		count_wait(0, VECTOR_4, n + 1);
	}
	tap_is(read, ROUNDS * 6, "%s: CR8 reads as it was written, time after time", apic->name);
	tap_is(too_soon, 0, "%s: what it holds back does not come too soon", apic->name);
	tap_is(count_of(0, VECTOR_4), ROUNDS, "%s: and comes as often%s", apic->name,
	       early ? ", sent before TPR rose" : "");
	count_reset();
}

static void exits_while_held(const struct vcpu_counters *c, bool early)
{
	struct cr8_counts n = cr8_counts(c);

	let_come(early);
	n = cr8_since(c, n);
	tap_is(n.moves, 0, "%s: no move to or from CR8 exits", apic->name);
	/* A processor that ends interrupts by itself delivers them, too. */
	tap_is(n.thresholds, n.eois == 0 ? 0 : ROUNDS,
	       "%s: TPR falling below the threshold exits, once for each held back", apic->name);
}

static void exits_while_free(const struct vcpu_counters *c)
{
	struct cr8_counts n = cr8_counts(c);

	for (u32 i = 0; i < ROUNDS; i++)
		write_cr8(i % 16);
	write_cr8(0);
	n = cr8_since(c, n);
	tap_is(n.moves + n.thresholds, 0, "%s: nothing held back, no exit at all", apic->name);
}

static void test_exits(void)
{
	const struct vcpu_counters *c = counters_of(0);
	struct cr8_counts n;

	if (c == NULL) {
		let_come(false);
		let_come(true);
		tap_skip("exits of CR8", "counters are for a VM of Tapvisor that asks for them");
		return;
	}
	n = cr8_counts(c);
	write_cr8(0);
	if (cr8_since(c, n).moves != 0) {
		tap_skip("exits of CR8", "this processor has no TPR shadow");
		return;
	}
	exits_while_held(c, false);
	exits_while_held(c, true);
	exits_while_free(c);
}

/* ---- IPIs ---- */

static void send_both(void *arg)
{
	apic_send(*(const u32 *)arg, ICR_FIXED | VECTOR_4);
	apic_send(*(const u32 *)arg, ICR_FIXED | VECTOR_6);
}

/* IPIs from another CPU wait for a TPR that falls by MOV to CR8, an access of its own kind. */
static void test_remote(void)
{
	u32 id = cpu_ids[0];

	write_cr8(6);
	smp_post(1, send_both, &id);
	smp_wait(1);
	held(VECTOR_6, "an IPI from another CPU is held back");
	write_cr8(4);
	count_wait(0, VECTOR_6, 1);
	tap_is(count_of(0, VECTOR_4), 0, "%s: the lower one still is", apic->name);
	write_cr8(3);
	tap_ok(count_wait(0, VECTOR_4, 1), "%s: and comes last", apic->name);
	write_cr8(0);
	count_reset();
}

static void test_mode(void)
{
	interrupts_on();
	test_mask();
	test_cr8();
	test_disabled(false);
	test_disabled(true);
	test_ppr();
	test_exits();
	if (cpu_ids_count > 1)
		test_remote();
	else
		tap_skip("remote", "one CPU");
	interrupts_off();
}

int guest_main(void)
{
	smp_start_all();
	count_vector(VECTOR_4);
	count_vector(VECTOR_6);
	count_vector(0xef);
	in_both_modes(test_mode);
	return tap_done();
}
