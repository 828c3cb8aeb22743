/* SPDX-License-Identifier: MIT */
/*
 * A VM of APICs beside its oracle, one function that compares them, and one that makes both do the
 * same arbitrary thing. What is done is drawn from a stream of bytes: a random generator for the
 * random test, the fuzzer's input for the fuzzer.
 *
 * The test that includes this defines WORLD_FAIL(message).
 */
#ifndef TESTS_UNIT_VAPIC_WORLD_H
#define TESTS_UNIT_VAPIC_WORLD_H

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

/* What came back from a call against what the oracle says. */
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

/* What must hold inside the model, whatever a guest did. */
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
	WORLD_CHECK(vapic_tpr_threshold(a) == o_threshold(o), "vCPU %u threshold", i);
	WORLD_CHECK(vapic_cr8(a) == o->tpr / 16, "vCPU %u CR8", i);
	WORLD_CHECK(vapic_eoi_skippable(a) == skippable, "vCPU %u EOI skippable", i);
	WORLD_CHECK(vapic_pending(a) == (o->on || o_any_event(o)), "vCPU %u pending", i);
	world_check_registers(w, i);
}

/* --- the stream of choices --- */

struct choices {
	const u8 *data; /* NULL: random */
	size_t left;
	u64 seed;
};

static UNUSED bool choices_left(const struct choices *c)
{
	return c->data == NULL || c->left > 0;
}

static UNUSED u32 choose_byte(struct choices *c)
{
	if (c->data == NULL) {
		c->seed ^= c->seed << 13;
		c->seed ^= c->seed >> 7;
		c->seed ^= c->seed << 17;
		return (u32)(c->seed >> 32) & 0xff;
	}
	if (c->left == 0)
		return 0;
	c->left--;
	return *c->data++;
}

/* 0..n-1 */
static UNUSED u32 choose(struct choices *c, u32 n)
{
	return (n > 256 ? choose_byte(c) << 8 | choose_byte(c) : choose_byte(c)) % n;
}

static UNUSED u64 choose_u64(struct choices *c)
{
	u64 v = 0;

	for (u32 bytes = choose(c, 9); bytes > 0; bytes--)
		v = v << 8 | choose_byte(c);
	return v;
}

/* Few vectors, so that they meet; some illegal. */
static UNUSED u32 choose_vector(struct choices *c)
{
	static const u8 some[] = { 0, 15, 16, 31, 32, 33, 63, 64, 127, 128, 200, 254, 255 };
	u32 k = choose(c, 32);

	return k < ARRAY_SIZE(some) ? some[k] : choose_byte(c);
}

static UNUSED u32 choose_dest(struct choices *c, const struct world *w)
{
	switch (choose(c, 6)) {
	case 0:
		return 0xff;
	case 1:
		return 0xffffffff;
	case 2:
		return choose(c, 4) << 16 | (u32)choose_u64(c) % 65536;
	case 3:
		return (u32)choose_u64(c);
	default:
		return w->oracle.apic[choose(c, w->vm.count)].id;
	}
}

static UNUSED u32 choose_icr_low(struct choices *c)
{
	static const u32 mode[] = { 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0 };
	u32 low = choose_vector(c) | mode[choose(c, ARRAY_SIZE(mode))] << 8;
	u32 bits = choose_byte(c);

	low |= (bits & 1) << 11;
	low |= (bits >> 1 & 3) << 14;
	if (bits & 8)
		low |= (bits >> 4 & 3) << 18;
	if ((bits & 0xc0) == 0xc0)
		low ^= 1u << choose(c, 32);
	return low;
}

static UNUSED u32 choose_offset(struct choices *c)
{
	static const u16 hot[] = { 0x80,  0xb0,  0xd0,  0xe0,  0xf0,  0x280, 0x300, 0x310,
		                   0x320, 0x350, 0x360, 0x370, 0x380, 0x3e0, 0x2f0, 0x340 };

	if (choose(c, 4) != 0)
		return hot[choose(c, ARRAY_SIZE(hot))];
	return choose(c, 4096);
}

/* A value that suits the register more often than not. */
static UNUSED u64 choose_value(struct choices *c, const struct world *w, u32 offset)
{
	switch (offset) {
	case 0x80:
		return choose_vector(c);
	case 0xb0:
	case 0x280:
		return choose(c, 8) == 0 ? choose_u64(c) : 0;
	case 0xe0:
		return choose(c, 3) == 0 ? choose_u64(c) : choose(c, 2) * 0xf0000000ull;
	case 0xf0:
		return choose(c, 4) == 0 ? choose_u64(c)
		                         : 0x100u | choose_vector(c) | choose(c, 2) << 12;
	case 0x300:
		return choose_icr_low(c) | (u64)choose_dest(c, w) << 32;
	case 0x310:
	case 0xd0:
		return (u64)choose_dest(c, w) << 24 & 0xffffffff;
	case 0x2f0:
	case 0x320 ... 0x37f:
		return choose(c, 4) == 0 ? choose_u64(c)
		                         : choose_vector(c) | choose(c, 16) << 15 |
		                                   (choose(c, 4) == 0 ? choose(c, 8) << 8 : 0);
	case 0x380:
		return choose(c, 3) == 0 ? (u32)choose_u64(c) : choose(c, 1000);
	default:
		return choose_u64(c);
	}
}

/* --- one step of both --- */

static UNUSED void step_mmio(struct world *w, u32 i, struct choices *c)
{
	static const u8 sizes[] = { 4, 4, 4, 8, 1, 2 };
	u32 offset = choose_offset(c);
	u32 size = sizes[choose(c, ARRAY_SIZE(sizes))];
	u64 value = choose_value(c, w, offset);
	struct vapic_effects fx;
	struct expect e = { 0 };
	u64 got, want;

	if (choose(c, 4) == 0) {
		want = o_mmio_read(&w->oracle, (int)i, offset, size, w->now, &e);
		world_check_return(w, vapic_mmio_read(&w->mem[i], offset, size, w->now, &got), &fx,
		                   &e);
		WORLD_CHECK(got == want, "MMIO read %#x size %u: %#llx %#llx", offset, size,
		            (unsigned long long)got, (unsigned long long)want);
		return;
	}
	o_mmio_write(&w->oracle, (int)i, offset, size, value, w->now, &e);
	world_check_return(w, vapic_mmio_write(&w->mem[i], offset, size, value, w->now, &fx), &fx,
	                   &e);
}

/*
 * The processor stores, then reports. Not for the pins: remote IRR is read-only, but a processor
 * that stores does not know that.
 */
static UNUSED void step_apic_write(struct world *w, u32 i, struct choices *c)
{
	struct vapic *a = &w->mem[i];
	u32 offset = choose_offset(c) & 0xff0;
	u64 value = choose_value(c, w, offset);
	bool x2apic = vapic_mode(a) == VAPIC_X2APIC;
	struct vapic_effects fx;
	struct expect e = { 0 };

	if (offset == 0x350 || offset == 0x360 || vapic_mode(a) == VAPIC_DISABLED)
		return;
	if (x2apic) {
		static const u16 offsets[] = { 0x300, 0x3f0, 0xb0, 0x80 };

		offset = offsets[choose(c, 4)];
		value = choose_value(c, w, offset == 0x3f0 ? 0x80 : offset);
		if (offset != 0x300)
			value = (u32)value;
		o_msr_write(&w->oracle, (int)i, 0x800 + offset / 16, value, w->now, &e);
		/* What the model refuses it has not stored; here the processor has. */
		if (e.todo == VAPIC_GP)
			return;
	} else {
		switch (offset) {
		case 0x80:
		case 0xd0 ... 0xf0:
		case 0x280:
		case 0x2f0 ... 0x340:
		case 0x370 ... 0x380:
		case 0x3e0:
			break;
		default:
			offset = 0xb0;
			break;
		}
		o_mmio_write(&w->oracle, (int)i, offset, 4, value, w->now, &e);
	}
	a->reg[offset / 4] = (u32)value;
	if (x2apic && offset == 0x300)
		a->reg[offset / 4 + 1] = (u32)(value >> 32);
	world_check_return(w, vapic_apic_write(a, offset, w->now, &fx), &fx, &e);
}

static UNUSED void step_msr(struct world *w, u32 i, struct choices *c)
{
	u32 offset = choose_offset(c) & 0xff0;
	u32 msr = 0x800 + offset / 16;
	u64 value = choose_value(c, w, offset);
	struct vapic_effects fx;
	struct expect e = { 0 };
	u64 got = 0, want = 0;

	switch (choose(c, 8)) {
	case 0:
		msr = 0x6e0;
		value = choose(c, 4) == 0 ? choose_u64(c) : w->now + choose(c, 2000) - 500;
		break;
	case 1:
		msr = choose(c, 2) ? 0x83f : 0x83e;
		value = choose_vector(c);
		break;
	default:
		break;
	}
	if (choose(c, 4) == 0) {
		bool ok = o_msr_read(&w->oracle, (int)i, msr, w->now, &want);
		u32 todo = vapic_msr_read(&w->mem[i], msr, w->now, &got);

		WORLD_CHECK(todo == (ok ? 0u : VAPIC_GP), "RDMSR %#x returned %#x", msr, todo);
		WORLD_CHECK(!ok || got == want, "RDMSR %#x: %#llx %#llx", msr,
		            (unsigned long long)got, (unsigned long long)want);
		return;
	}
	o_msr_write(&w->oracle, (int)i, msr, value, w->now, &e);
	world_check_return(w, vapic_msr_write(&w->mem[i], msr, value, w->now, &fx), &fx, &e);
}

static UNUSED void step_base(struct world *w, u32 i, struct choices *c)
{
	u64 value = 0xfee00000 | (u64)choose(c, 4) << 10 | choose(c, 2) << 8;
	struct vapic_effects fx;
	struct expect e = { 0 };

	if (choose(c, 8) == 0)
		value ^= 1ull << choose(c, 64);
	o_msr_write(&w->oracle, (int)i, 0x1b, value, w->now, &e);
	world_check_return(w, vapic_msr_write(&w->mem[i], 0x1b, value, w->now, &fx), &fx, &e);
}

/* As the model says: 64 bits of ID, no wrap; KVM's base is 32 bits wide. */
static UNUSED void step_bitmap(struct world *w, u32 i, struct choices *c)
{
	u64 words[VAPIC_SET_WORDS] = { 0 };
	u32 n = choose(c, 4);
	u32 low = choose_icr_low(c);
	u64 base = choose(c, 3) == 0 ? choose_u64(c) : choose(c, 70);
	bool is64 = choose(c, 4) != 0;
	bool kvm = choose(c, 2) == 0;
	struct vapic_effects fx;
	struct expect e = { 0 };
	s64 result;
	u32 todo;

	for (u32 k = 0; k < (kvm ? 2 : n); k++)
		words[k] = choose_u64(c);
	if (!kvm) {
		o_send_ids(&w->oracle, (int)i, o_icr(low, 0, true), words, n, 64, base, &e);
		world_check_return(w,
		                   vapic_send_set(&w->vm, &w->mem[i], vapic_icr_x2apic(low), words,
		                                  n, base, &fx),
		                   &fx, &e);
		return;
	}
	todo = vapic_kvm_send_ipi(&w->mem[i], words[0], words[1], base, low, is64 ? 64 : 32,
	                          &result, &fx);
	if (low & 0xc0800) {
		WORLD_CHECK(todo == 0 && result == -22, "SEND_IPI with %#x gave %lld", low,
		            (long long)result);
		return;
	}
	o_send_ids(&w->oracle, (int)i, o_icr(low, 0, true), words, 2, is64 ? 64 : 32, (u32)base,
	           &e);
	world_check_return(w, todo, &fx, &e);
	WORLD_CHECK(result == e.sent.posted + e.sent.coalesced, "SEND_IPI gave %lld",
	            (long long)result);
}

static UNUSED void step_msi(struct world *w, struct choices *c)
{
	u32 low = choose_icr_low(c);
	u32 dest = choose_dest(c, w) & 0x7fff;
	u64 address = 0xfee00000 | (u64)(dest & 0xff) << 12 | (u64)(dest >> 8) << 5;
	u32 data = low & 0xc7ff;
	struct vapic_effects fx;
	struct vapic_icr m = o_icr(data, dest, false);
	struct expect e = { 0 };

	if (choose(c, 2)) {
		address |= 4;
		m.flags |= VAPIC_ICR_LOGICAL;
	}
	if (choose(c, 4) == 0) {
		address |= 8;
		if (m.mode == VAPIC_DM_FIXED)
			m.mode = VAPIC_DM_LOWEST;
	}
	if (choose(c, 16) == 0) {
		address ^= 1ull << (20 + choose(c, 44));
		e.sent.requested = e.sent.dropped = 1;
		e.todo = VAPIC_SENT;
	} else {
		o_send(&w->oracle, -1, m, &e);
	}
	world_check_return(w, vapic_msi(&w->vm, address, data, &fx), &fx, &e);
}

static UNUSED void step_pull(struct world *w, u32 i)
{
	struct vapic_mailed want = o_pull(&w->oracle.apic[i]);
	struct vapic_mailed got = vapic_pull(&w->mem[i]);

	/* A SIPI's vector means something only with the SIPI. */
	if (!(got.events & VAPIC_EV_SIPI))
		got.events &= 0xff;
	WORLD_CHECK(got.events == want.events && got.folded == want.folded && got.lost == want.lost,
	            "pull: events %#x %#x folded %u %u lost %u %u", got.events, want.events,
	            got.folded, want.folded, got.lost, want.lost);
}

/* Virtual-interrupt delivery: the processor has taken a vector, and the summaries are stale. */
static UNUSED void step_virtual_delivery(struct world *w, u32 i)
{
	struct vapic *a = &w->mem[i];
	struct oapic *o = &w->oracle.apic[i];
	int v = o_next(o);

	if (v < 0)
		return;
	a->reg[0x200 / 4 + v / 32 * 4] &= ~(1u << v % 32);
	a->reg[0x100 / 4 + v / 32 * 4] |= 1u << v % 32;
	o->irr[v] = false;
	o->isr[v] = true;
	vapic_adopt(a);
}

static UNUSED void step_inject(struct world *w, u32 i)
{
	struct oapic *o = &w->oracle.apic[i];
	int v = vapic_next(&w->mem[i]);

	WORLD_CHECK(v == o_next(o), "next %d %d", v, o_next(o));
	if (v < 0)
		return;
	vapic_accept(&w->mem[i], (u8)v);
	o->irr[v] = false;
	o->isr[v] = true;
}

static UNUSED void step_time(struct world *w, u32 i, struct choices *c)
{
	u64 old = w->now;
	u64 new = choose_u64(c);
	u32 todo;

	switch (choose(c, 8)) {
	case 0:
		/* The guest writes its TSC. */
		todo = vapic_timer_rebase(&w->mem[i], old, new);
		WORLD_CHECK(todo == VAPIC_TIMER, "rebase returned %#x", todo);
		for (u32 k = 0; k < w->vm.count; k++) {
			struct oapic *o = &w->oracle.apic[k];
			u128 left = o->due > old ? o->due - old : 0;

			if (k != i)
				todo = vapic_timer_rebase(&w->mem[k], old, new);
			if (o->running && o_timer_mode(o) < 2 && o->due != ORACLE_END_OF_TIME)
				o->due = o_cap(new + left);
		}
		w->now = new;
		break;
	case 1:
		w->now = old + new / 4 < old ? old : old + new / 4;
		break;
	default:
		w->now = old + choose(c, 3000) < old ? old : old + choose(c, 3000);
		break;
	}
	todo = o_expire(&w->oracle.apic[i], w->now);
	WORLD_CHECK(vapic_timer_expire(&w->mem[i], w->now) == todo, "timer expiry, want %#x", todo);
}

static UNUSED void step_raise(struct world *w, u32 i, struct choices *c)
{
	u32 lvt = choose(c, VAPIC_LVT_COUNT);
	u32 want = o_raise(&w->oracle.apic[i], (int)lvt);
	u32 got = vapic_lvt_raise(&w->mem[i], (enum vapic_lvt)lvt);

	WORLD_CHECK(got == want, "LVT %u raised: %#x, expected %#x", lvt, got, want);
}

static UNUSED void step_reset(struct world *w, u32 i, struct choices *c)
{
	struct oapic *o = &w->oracle.apic[i];
	u32 todo;

	if (choose(c, 2)) {
		todo = vapic_init(&w->mem[i]);
		o_registers_after_init(o);
		WORLD_CHECK(todo == (VAPIC_TIMER | VAPIC_MODE), "INIT returned %#x", todo);
	} else {
		todo = vapic_reset(&w->mem[i], i == 0);
		o_reset(o, i == 0);
		WORLD_CHECK(todo == (VAPIC_TIMER | VAPIC_MODE), "RESET returned %#x", todo);
	}
}

static UNUSED void step_cr8(struct world *w, u32 i, struct choices *c)
{
	struct oapic *o = &w->oracle.apic[i];
	u64 value = choose(c, 8) == 0 ? choose_u64(c) : choose(c, 16);
	u32 want = value > 15 ? (u32)VAPIC_GP : o_irr_empty(o) ? 0 : (u32)VAPIC_SELF;

	if (value <= 15)
		o->tpr = (u32)value * 16;
	WORLD_CHECK(vapic_cr8_write(&w->mem[i], value) == want, "CR8 %#llx",
	            (unsigned long long)value);
}

static UNUSED void step_eoi(struct world *w, u32 i)
{
	struct vapic_effects fx;
	struct expect e = { 0 };

	o_eoi(&w->oracle.apic[i], &e);
	world_check_return(w, vapic_eoi(&w->mem[i], &fx), &fx, &e);
}

/* One arbitrary thing, done to both. Returns the vCPU it was done to. */
static UNUSED u32 world_step(struct world *w, struct choices *c)
{
	u32 i = choose(c, w->vm.count);

	switch (choose(c, 32)) {
	case 0 ... 6:
		step_mmio(w, i, c);
		break;
	case 7:
		step_apic_write(w, i, c);
		break;
	case 8 ... 15:
		step_msr(w, i, c);
		break;
	case 16:
		step_base(w, i, c);
		break;
	case 17 ... 18:
		step_bitmap(w, i, c);
		break;
	case 19 ... 20:
		step_msi(w, c);
		break;
	case 21 ... 23:
		step_pull(w, i);
		break;
	case 24:
		step_inject(w, i);
		break;
	case 25:
		step_virtual_delivery(w, i);
		break;
	case 26:
		step_eoi(w, i);
		break;
	case 27 ... 28:
		step_time(w, i, c);
		break;
	case 29:
		step_raise(w, i, c);
		break;
	case 30:
		step_cr8(w, i, c);
		break;
	default:
		if (choose(c, 4) == 0)
			step_reset(w, i, c);
		break;
	}
	return i;
}

/* Software brings every APIC up: mixed modes by choice. */
static UNUSED void world_enable(struct world *w, u32 x2apic_mask)
{
	struct vapic_effects fx;

	for (u32 i = 0; i < w->vm.count; i++) {
		struct expect e = { 0 };
		bool x2apic = (x2apic_mask >> (i % 32) & 1) && (w->vm.features & VAPIC_HAS_X2APIC);
		u32 todo;

		if (x2apic) {
			o_base_write(&w->oracle, (int)i, 0xfee00c00, &e);
			todo = vapic_base_write(&w->mem[i], 0xfee00c00);
			world_check_return(w, todo, &fx, &e);
			e = (struct expect){ 0 };
			o_msr_write(&w->oracle, (int)i, 0x80f, 0x1ff, w->now, &e);
			todo = vapic_msr_write(&w->mem[i], 0x80f, 0x1ff, w->now, &fx);
		} else {
			o_mmio_write(&w->oracle, (int)i, 0xf0, 4, 0x1ff, w->now, &e);
			todo = vapic_mmio_write(&w->mem[i], 0xf0, 4, 0x1ff, w->now, &fx);
		}
		world_check_return(w, todo, &fx, &e);
	}
}

#endif
