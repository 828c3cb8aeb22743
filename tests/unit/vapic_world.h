/* SPDX-License-Identifier: MIT */
/*
 * One arbitrary step of model and oracle alike: what is done is drawn from a stream of choices. The
 * test that includes this defines WORLD_FAIL(message).
 */
#ifndef TESTS_UNIT_VAPIC_WORLD_H
#define TESTS_UNIT_VAPIC_WORLD_H

#include "tests/unit/vapic_choices.h"

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
		/* The model does not store what it refuses; here the processor has stored it. */
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

/* Counts IDs as the model does: 64 bits, no wrap; KVM's base is 32 bits wide. */
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
