/* SPDX-License-Identifier: MIT */
/*
 * A VM of APICs beside its oracle, and the function that compares them. The test that includes this
 * defines WORLD_FAIL(message).
 */
#ifndef TESTS_UNIT_VAPIC_PAIR_H
#define TESTS_UNIT_VAPIC_PAIR_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/vapic_oracle.h"

#define WORLD_IDS 8192u

struct world {
	struct vapic_vm vm;
	struct vapic *apic[ORACLE_VCPUS];
	u64 route[ORACLE_VCPUS];
	u16 index[WORLD_IDS];
	struct oracle oracle;
	u64 now;
	struct vapic mem[ORACLE_VCPUS];
};

#define WORLD_CHECK(cond, ...)                                                                     \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			char world_text_[240];                                                     \
			(void)snprintf(world_text_, sizeof(world_text_), __VA_ARGS__);             \
			WORLD_FAIL(world_text_);                                                   \
		}                                                                                  \
	} while (0)

/* IDs as indexes, or scattered over three clusters and beyond the 8 bits of xAPIC mode. */
static UNUSED u32 world_id(u32 index, bool scattered)
{
	static const u16 ids[] = { 0, 1, 5, 16, 17, 31, 254, 255, 300, 4097 };

	if (!scattered)
		return index;
	return index < ARRAY_SIZE(ids) ? ids[index] : 5000 + index * 3;
}

static UNUSED void world_init(struct world *w, u32 count, bool scattered, u32 features)
{
	bool ok;

	w->vm = (struct vapic_vm){
		.count = count,
		.ids = scattered ? WORLD_IDS : count,
		.features = features,
		.phys_bits = 40,
		.route = w->route,
		.apic = w->apic,
		.index = w->index,
	};
	ok = vapic_vm_setup(&w->vm);
	w->oracle.count = count;
	w->oracle.features = features;
	w->oracle.phys_bits = 40;
	w->now = 1000;
	for (u32 i = 0; i < count; i++) {
		ok = ok && vapic_setup(&w->mem[i], &w->vm, i, world_id(i, scattered), i == 0);
		w->oracle.apic[i] = (struct oapic){ .id = world_id(i, scattered) };
		o_reset(&w->oracle.apic[i], i == 0);
	}
	WORLD_CHECK(ok, "setup refused");
}

static UNUSED void world_check_sent(const struct vapic_tally *got, const struct vapic_tally *want)
{
	WORLD_CHECK(got->requested == got->posted + got->coalesced + got->dropped,
	            "requested %u is not posted %u + coalesced %u + dropped %u", got->requested,
	            got->posted, got->coalesced, got->dropped);
	WORLD_CHECK(got->requested == want->requested && got->posted == want->posted &&
	                    got->coalesced == want->coalesced && got->dropped == want->dropped,
	            "sent %u=%u+%u+%u, expected %u=%u+%u+%u", got->requested, got->posted,
	            got->coalesced, got->dropped, want->requested, want->posted, want->coalesced,
	            want->dropped);
}

/* Compares the result of a call with the oracle's. */
static UNUSED void world_check_return(const struct world *w, u32 todo,
                                      const struct vapic_effects *fx, const struct expect *e)
{
	WORLD_CHECK(todo == e->todo, "returned %#x, expected %#x", todo, e->todo);
	if (todo & VAPIC_SENT)
		world_check_sent(&fx->sent, &e->sent);
	if (todo & VAPIC_EOI)
		WORLD_CHECK(fx->eoi_vector == e->eoi_vector, "EOI of %#x, expected %#x",
		            fx->eoi_vector, e->eoi_vector);
	for (u32 i = 0; (todo & VAPIC_WAKE) && i < w->vm.count; i++)
		WORLD_CHECK(vapic_set_has(&fx->wake, i) == e->wake[i], "vCPU %u in wake set: %d", i,
		            !e->wake[i]);
}

static UNUSED void world_check_registers(struct world *w, u32 i)
{
	struct vapic *a = &w->mem[i];
	const struct oapic *o = &w->oracle.apic[i];

	for (u32 offset = 0; offset < 0x400; offset += 16) {
		u32 want = o_read(&w->oracle, o, offset, w->now);
		u32 msr = 0x800 + offset / 16;
		u64 got = a->reg[offset / 4];
		u32 todo = VAPIC_OK;

		if (!o_in_page(offset))
			continue;
		if (o_mode(o) == VAPIC_XAPIC)
			todo = vapic_mmio_read(a, offset, 4, w->now, &got);
		else if (o_mode(o) == VAPIC_X2APIC && o_msr_readable(msr))
			todo = vapic_msr_read(a, msr, w->now, &got);
		else if (offset >= 0x200 && offset < 0x280)
			continue;
		else if (offset == 0x90 || offset == 0xa0 || offset == 0xb0 || offset == 0x390)
			continue;
		WORLD_CHECK(todo == VAPIC_OK && (u32)got == want, "vCPU %u register %#x: %#x %#x",
		            i, offset, (u32)got, want);
	}
}

/* Checks the model's invariants, which hold whatever a guest did. */
static UNUSED void world_check_invariants(const struct world *w, u32 i)
{
	const struct vapic *a = &w->mem[i];
	const struct oapic *o = &w->oracle.apic[i];
	u32 irr_words = 0, isr_words = 0, any_tmr = 0;

	for (u32 k = 0; k < 8; k++) {
		irr_words |= a->reg[0x200 / 4 + k * 4] != 0 ? 1u << k : 0;
		isr_words |= a->reg[0x100 / 4 + k * 4] != 0 ? 1u << k : 0;
		any_tmr |= a->reg[0x180 / 4 + k * 4];
	}
	WORLD_CHECK(a->irr_words == irr_words, "IRR summary %#x, words %#x", a->irr_words,
	            irr_words);
	WORLD_CHECK(a->isr_words == isr_words, "ISR summary %#x, words %#x", a->isr_words,
	            isr_words);
	WORLD_CHECK(a->mail.leveled != 0 || any_tmr == 0, "TMR set behind `leveled`");
	WORLD_CHECK((a->reg[0x100 / 4] & 0xffff) == 0 && (a->reg[0x200 / 4] & 0xffff) == 0,
	            "a vector below 16 in IRR or ISR");
	WORLD_CHECK(w->route[i] ==
	                    ((u64)o->id | (u64)(o->ldr >> 24) << 32 | (u64)(o->dfr >> 28) << 40 |
	                     (o_mode(o) != VAPIC_DISABLED ? VAPIC_ROUTE_PRESENT : 0) |
	                     (o_mode(o) != VAPIC_DISABLED && o_soft(o) ? VAPIC_ROUTE_ENABLED : 0) |
	                     (o_mode(o) == VAPIC_X2APIC ? VAPIC_ROUTE_X2APIC : 0)),
	            "vCPU %u route %#llx", i, (unsigned long long)w->route[i]);
}

static UNUSED void world_check(struct world *w, u32 i)
{
	const struct vapic *a = &w->mem[i];
	const struct oapic *o = &w->oracle.apic[i];
	int isr = o_highest(o->isr);
	bool skippable = isr >= 0 && o_irr_empty(o) && !o->tmr[isr];

	world_check_invariants(w, i);
	WORLD_CHECK(a->base == o->base, "vCPU %u base", i);
	WORLD_CHECK(a->esr_log == o->errors && a->esr_armed == o->armed, "vCPU %u errors %#x %#x",
	            i, a->esr_log, o->errors);
	WORLD_CHECK(vapic_timer_deadline(a) == o_deadline(o), "vCPU %u deadline", i);
	WORLD_CHECK(vapic_ppr(a) == o_ppr(o) && vapic_apr(a) == o_apr(o), "vCPU %u PPR or APR", i);
	WORLD_CHECK(vapic_next(a) == o_next(o), "vCPU %u next %d %d", i, vapic_next(a), o_next(o));
	WORLD_CHECK(vapic_held_class(a) == o_held(o), "vCPU %u held %u", i, vapic_held_class(a));
	WORLD_CHECK(vapic_cr8(a) == o->tpr / 16, "vCPU %u CR8", i);
	WORLD_CHECK(vapic_eoi_skippable(a) == skippable, "vCPU %u EOI skippable", i);
	WORLD_CHECK(vapic_pending(a) == (o->on || o_any_event(o)), "vCPU %u pending", i);
	world_check_registers(w, i);
}

#endif
