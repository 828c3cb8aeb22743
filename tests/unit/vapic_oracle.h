/* SPDX-License-Identifier: MIT */
/* The oracle: registers by MMIO and MSR, the base MSR. vapic_oracle_state.h says what it is. */
#ifndef TESTS_UNIT_VAPIC_ORACLE_H
#define TESTS_UNIT_VAPIC_ORACLE_H

#include "tests/unit/vapic_oracle_local.h"

static UNUSED u32 o_word(const bool *bits, u32 offset)
{
	u32 v = offset / 16 % 8 * 32;
	u32 word = 0;

	for (u32 k = 0; k < 32; k++)
		word += bits[v + k] ? 1u << k : 0;
	return word;
}

/* Name of what lies at an offset of the page, as both modes know it. */
static UNUSED bool o_in_page(u32 offset)
{
	switch (offset) {
	case 0x20:
	case 0x30:
	case 0x80:
	case 0x90:
	case 0xa0:
	case 0xb0:
	case 0xc0:
	case 0xd0:
	case 0xe0:
	case 0xf0:
	case 0x100 ... 0x28f:
	case 0x2f0:
	case 0x300:
	case 0x310:
	case 0x320:
	case 0x330:
	case 0x340:
	case 0x350:
	case 0x360:
	case 0x370:
	case 0x380:
	case 0x390:
	case 0x3e0:
		return true;
	default:
		return false;
	}
}

static UNUSED int o_lvt_at(u32 offset)
{
	switch (offset) {
	case 0x2f0:
		return O_CMCI;
	case 0x320:
		return O_TIMER;
	case 0x330:
		return O_THERMAL;
	case 0x340:
		return O_PMI;
	case 0x350:
		return O_LINT0;
	case 0x360:
		return O_LINT1;
	case 0x370:
		return O_ERROR;
	default:
		return -1;
	}
}

static UNUSED u32 o_read(const struct oracle *vm, const struct oapic *o, u32 offset, u64 now)
{
	bool irr[256];

	if (o_lvt_at(offset) >= 0)
		return o->lvt[o_lvt_at(offset)];
	switch (offset) {
	case 0x20:
		return o_mode(o) == VAPIC_X2APIC ? o->id : o->id << 24;
	case 0x30:
		return vm->features & VAPIC_HAS_EOI_SUPPRESS ? 0x01060015 : 0x00060015;
	case 0x80:
		return o->tpr;
	case 0x90:
		return o_apr(o);
	case 0xa0:
		return o_ppr(o);
	case 0xd0:
		return o->ldr;
	case 0xe0:
		return o->dfr;
	case 0xf0:
		return o->svr;
	case 0x100 ... 0x17f:
		return o_word(o->isr, offset);
	case 0x180 ... 0x1ff:
		return o_word(o->tmr, offset);
	case 0x200 ... 0x27f:
		for (int v = 0; v < 256; v++)
			irr[v] = o->irr[v] || (o_soft(o) && o->mail[v]);
		return o_word(irr, offset);
	case 0x280:
		return o->esr;
	case 0x300:
		return o->icr_low;
	case 0x310:
		return o->icr_high;
	case 0x380:
		return o->tmict;
	case 0x390:
		return o_count(o, now);
	case 0x3e0:
		return o->tdcr;
	default:
		return 0;
	}
}

/* Bits that software may set in an LVT entry. */
static UNUSED u32 o_lvt_bits(const struct oracle *vm, int lvt)
{
	switch (lvt) {
	case O_TIMER:
		return vm->features & VAPIC_HAS_DEADLINE ? 0x700ff : 0x300ff;
	case O_ERROR:
		return 0x100ff;
	case O_LINT0:
	case O_LINT1:
		return 0x1a7ff;
	default:
		return 0x107ff;
	}
}

static UNUSED u32 o_svr_bits(const struct oracle *vm)
{
	return vm->features & VAPIC_HAS_EOI_SUPPRESS ? 0x13ff : 0x3ff;
}

static UNUSED void o_set_lvt(struct oracle *vm, struct oapic *o, int lvt, u32 value,
                             struct expect *e)
{
	u32 old_mode = o_timer_mode(o);
	u32 new = value &o_lvt_bits(vm, lvt);

	if (!o_soft(o))
		new |= 0x10000;
	if ((lvt == O_LINT0 || lvt == O_LINT1) && (new & 0x8000) && (o->lvt[lvt] & 0x4000))
		new |= 0x4000;
	o->lvt[lvt] = new;
	if (lvt != O_TIMER)
		return;
	e->todo |= VAPIC_TIMER;
	if (old_mode != o_timer_mode(o) && (old_mode > 1 || o_timer_mode(o) > 1)) {
		o->running = false;
		o->tmict = 0;
	}
}

static UNUSED void o_set_svr(struct oracle *vm, struct oapic *o, u32 value, struct expect *e)
{
	bool was = o_soft(o);

	o->svr = value & o_svr_bits(vm);
	e->todo |= was != o_soft(o) ? VAPIC_MODE : 0u;
	if (!was || o_soft(o))
		return;
	for (int i = 0; i < O_LVTS; i++)
		o->lvt[i] |= 0x10000;
	for (int v = 0; v < 256; v++) {
		if (!o->mail[v])
			continue;
		o->mail[v] = false;
		o->irr[v] = true;
		o->tmr[v] = o->mail_level[v];
	}
	if (!o_irr_empty(o))
		e->todo |= VAPIC_SELF;
}

static UNUSED void o_set_divisor(struct oapic *o, u32 value, u64 now, struct expect *e)
{
	u32 count = o_count(o, now);

	o->tdcr = value & 11;
	if (!o->running || o_timer_mode(o) >= 2)
		return;
	e->todo |= VAPIC_TIMER;
	o->period = (u128)o->tmict * o_divisor(o);
	if (now < o->due)
		o->due = o_cap(now + (u128)count * o_divisor(o));
}

static UNUSED void o_set_count(struct oapic *o, u32 value, u64 now, struct expect *e)
{
	if (o_timer_mode(o) >= 2)
		return;
	e->todo |= VAPIC_TIMER;
	o->tmict = value;
	o->running = value != 0;
	o->period = (u128)value * o_divisor(o);
	o->due = o_cap(now + o->period);
}

/* A write that is allowed; value is what the register's bits get. */
static UNUSED void o_write(struct oracle *vm, int i, u32 offset, u32 value, u64 now,
                           struct expect *e)
{
	struct oapic *o = &vm->apic[i];

	if (o_lvt_at(offset) >= 0) {
		o_set_lvt(vm, o, o_lvt_at(offset), value, e);
		return;
	}
	switch (offset) {
	case 0x80:
		o->tpr = value % 256;
		if (!o_irr_empty(o))
			e->todo |= VAPIC_SELF;
		break;
	case 0xb0:
		o_eoi(o, e);
		break;
	case 0xd0:
		o->ldr = value & 0xff000000;
		break;
	case 0xe0:
		o->dfr = value | 0x0fffffff;
		break;
	case 0xf0:
		o_set_svr(vm, o, value, e);
		break;
	case 0x280:
		o->esr = o->errors;
		o->errors = 0;
		o->armed = true;
		break;
	case 0x300:
		o->icr_low = value & 0xccfff;
		o_send(vm, i, o_icr(value, o->icr_high >> 24, false), e);
		break;
	case 0x310:
		o->icr_high = value & 0xff000000;
		break;
	case 0x380:
		o_set_count(o, value, now, e);
		break;
	case 0x3e0:
		o_set_divisor(o, value, now, e);
		break;
	default:
		break;
	}
}

static UNUSED void o_mmio_write(struct oracle *vm, int i, u32 offset, u32 size, u64 value, u64 now,
                                struct expect *e)
{
	struct oapic *o = &vm->apic[i];

	if (o_mode(o) != VAPIC_XAPIC)
		e->todo = VAPIC_MISS;
	else if (!o_in_page(offset / 16 * 16))
		e->todo = o_error(o, 0x80);
	else if (offset % 16 == 0 && size >= 4)
		o_write(vm, i, offset, (u32)value, now, e);
}

static UNUSED u64 o_mmio_read(struct oracle *vm, int i, u32 offset, u32 size, u64 now,
                              struct expect *e)
{
	struct oapic *o = &vm->apic[i];
	u8 bytes[16] = { 0 };
	u64 value = 0;
	u32 word;

	if (o_mode(o) != VAPIC_XAPIC) {
		e->todo = VAPIC_MISS;
		return ~0ull;
	}
	if (!o_in_page(offset / 16 * 16)) {
		e->todo = o_error(o, 0x80);
		return 0;
	}
	word = o_read(vm, o, offset / 16 * 16, now);
	for (u32 k = 0; k < 4; k++)
		bytes[k] = (u8)(word >> (k * 8));
	for (u32 k = 0; k < size && offset % 16 + k < 16; k++)
		value |= (u64)bytes[offset % 16 + k] << (k * 8);
	return value;
}

static UNUSED bool o_msr_readable(u32 msr)
{
	switch (msr) {
	case 0x802:
	case 0x803:
	case 0x808:
	case 0x80a:
	case 0x80d:
	case 0x80f:
	case 0x810 ... 0x828:
	case 0x82f:
	case 0x830:
	case 0x832 ... 0x839:
	case 0x83e:
		return true;
	default:
		return false;
	}
}

static UNUSED bool o_msr_read(struct oracle *vm, int i, u32 msr, u64 now, u64 *value)
{
	struct oapic *o = &vm->apic[i];

	if (msr == 0x1b) {
		*value = o->base;
		return true;
	}
	if (msr == 0x6e0 && (vm->features & VAPIC_HAS_DEADLINE)) {
		*value = o_timer_mode(o) == 2 && o->running ? (u64)o->due : 0;
		return true;
	}
	if (o_mode(o) != VAPIC_X2APIC || !o_msr_readable(msr))
		return false;
	*value = o_read(vm, o, (msr - 0x800) * 16, now);
	if (msr == 0x830)
		*value |= (u64)o->icr_high << 32;
	return true;
}

/* Bits that WRMSR may set without #GP; false: there is nothing to write. */
static UNUSED bool o_msr_bits(const struct oracle *vm, u32 msr, u64 *bits)
{
	int lvt = o_lvt_at((msr - 0x800) * 16);

	if (lvt >= 0) {
		*bits = o_lvt_bits(vm, lvt) | 0x1000;
		if (lvt == O_LINT0 || lvt == O_LINT1)
			*bits |= 0x4000;
		return true;
	}
	switch (msr) {
	case 0x808:
	case 0x83f:
		*bits = 0xff;
		return true;
	case 0x80b:
	case 0x828:
		*bits = 0;
		return true;
	case 0x80f:
		*bits = o_svr_bits(vm);
		return true;
	case 0x830:
		*bits = 0xffffffff000cdfff; /* bit 12 is ignored */
		return true;
	case 0x838:
		*bits = 0xffffffff;
		return true;
	case 0x83e:
		*bits = 11;
		return true;
	default:
		return false;
	}
}

static UNUSED void o_base_write(struct oracle *vm, int i, u64 value, struct expect *e)
{
	struct oapic *o = &vm->apic[i];
	enum vapic_mode old = o_mode(o);
	u64 allowed = 0xd00;
	bool enable = (value & 0x800) != 0;
	bool extend = (value & 0x400) != 0;
	bool legal = true;

	for (u32 bit = 12; bit < vm->phys_bits; bit++)
		allowed |= 1ull << bit;
	if (!(vm->features & VAPIC_HAS_X2APIC))
		allowed &= ~0x400ull;
	if ((value & ~allowed) != 0 || (extend && !enable))
		legal = false;
	if (old == VAPIC_X2APIC && enable && !extend)
		legal = false;
	if (old == VAPIC_DISABLED && extend)
		legal = false;
	if (!legal) {
		e->todo = VAPIC_GP;
		return;
	}
	e->todo = VAPIC_MODE | VAPIC_TIMER;
	o->base = value;
	if (old == VAPIC_XAPIC && extend) {
		o->icr_high = 0;
		o->ldr = (o->id / 16 % 65536) * 65536 + (1u << (o->id % 16));
	}
	if (old != VAPIC_DISABLED && !enable) {
		bool mail[256];

		memcpy(mail, o->mail, sizeof(mail));
		o_registers_after_init(o);
		memcpy(o->mail, mail, sizeof(mail));
	}
}

static UNUSED void o_msr_write(struct oracle *vm, int i, u32 msr, u64 value, u64 now,
                               struct expect *e)
{
	struct oapic *o = &vm->apic[i];
	u64 bits;

	if (msr == 0x1b) {
		o_base_write(vm, i, value, e);
		return;
	}
	if (msr == 0x6e0 && (vm->features & VAPIC_HAS_DEADLINE)) {
		if (o_timer_mode(o) == 2) {
			o->running = value != 0;
			o->due = value;
			e->todo = VAPIC_TIMER;
		}
		return;
	}
	if (o_mode(o) != VAPIC_X2APIC || !o_msr_bits(vm, msr, &bits) || (value & ~bits) != 0) {
		e->todo = VAPIC_GP;
		return;
	}
	if (msr == 0x830) {
		o->icr_low = (u32)value & ~0x1000u;
		o->icr_high = (u32)(value >> 32);
		o_send(vm, i, o_icr((u32)value, (u32)(value >> 32), true), e);
	} else if (msr == 0x83f) {
		o_send(vm, i, o_icr((u32)value | 0x40000, 0, true), e);
	} else {
		o_write(vm, i, (msr - 0x800) * 16, (u32)value, now, e);
	}
}

#endif
