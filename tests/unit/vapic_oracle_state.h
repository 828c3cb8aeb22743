/* SPDX-License-Identifier: MIT */
/*
 * A second local APIC, slow and plain, that the tests hold the model against. It is written from
 * the SDM's text and docs/vapic.md in another style on purpose: one bool for each vector, one
 * switch for each question, no table, no summary, no bitmap, 128-bit time. It shares no code with
 * vapic/, only the interface's names for what is returned.
 *
 * Here: what it consists of, RESET and INIT, priorities, ESR. Then vapic_oracle_send.h,
 * vapic_oracle_local.h and vapic_oracle.h, which includes them all.
 */
#ifndef TESTS_UNIT_VAPIC_ORACLE_STATE_H
#define TESTS_UNIT_VAPIC_ORACLE_STATE_H

#include <string.h>

#include "vapic/vapic.h"

#define ORACLE_VCPUS 80
/* A test uses what it needs; the fuzzer's build also says that it is not to be instrumented. */
#ifndef UNUSED
#endif

typedef unsigned __int128 u128;
#define ORACLE_END_OF_TIME (((u128)1 << 64) - 1)

/* LVT entries by this order. */
enum { O_CMCI, O_TIMER, O_THERMAL, O_PMI, O_LINT0, O_LINT1, O_ERROR, O_LVTS };

struct oapic {
	u32 id;
	u64 base;
	bool irr[256], isr[256], tmr[256];
	u32 tpr, ldr, dfr, svr, esr, icr_low, icr_high, tmict, tdcr, lvt[O_LVTS];
	u32 errors;
	bool armed;

	bool mail[256], mail_level[256], on;
	bool nmi, init, sipi, extint, illegal;
	u8 sipi_vector;

	bool running; /* the timer */
	u128 due, period;
};

struct oracle {
	u32 count, features, phys_bits;
	struct oapic apic[ORACLE_VCPUS];
};

/* The expected result of a call. */
struct expect {
	u32 todo;
	struct vapic_tally sent;
	bool wake[ORACLE_VCPUS];
	u8 eoi_vector;
};

static UNUSED enum vapic_mode o_mode(const struct oapic *o)
{
	if (!(o->base & 0x800))
		return VAPIC_DISABLED;
	return o->base & 0x400 ? VAPIC_X2APIC : VAPIC_XAPIC;
}

static UNUSED bool o_soft(const struct oapic *o)
{
	return (o->svr >> 8 & 1) == 1;
}

static UNUSED void o_registers_after_init(struct oapic *o)
{
	memset(o->irr, 0, sizeof(o->irr));
	memset(o->isr, 0, sizeof(o->isr));
	memset(o->tmr, 0, sizeof(o->tmr));
	memset(o->mail, 0, sizeof(o->mail));
	o->tpr = o->ldr = o->esr = o->icr_low = o->icr_high = o->tmict = o->tdcr = o->errors = 0;
	o->dfr = 0xffffffff;
	o->svr = 0xff;
	o->armed = true;
	for (int i = 0; i < O_LVTS; i++)
		o->lvt[i] = 0x10000;
	o->running = false;
	if (o_mode(o) == VAPIC_X2APIC)
		o->ldr = (o->id / 16 % 65536) * 65536 + (1u << (o->id % 16));
}

static UNUSED void o_reset(struct oapic *o, bool bsp)
{
	o->base = 0xfee00800 + (bsp ? 0x100 : 0);
	o_registers_after_init(o);
	o->nmi = o->init = o->sipi = o->extint = o->illegal = false;
}

static UNUSED int o_highest(const bool *bits)
{
	for (int v = 255; v >= 0; v--) {
		if (bits[v])
			return v;
	}
	return -1;
}

static UNUSED u32 o_ppr(const struct oapic *o)
{
	int v = o_highest(o->isr);
	u32 isrv = v < 0 ? 0 : (u32)v;

	if (o->tpr / 16 >= isrv / 16)
		return o->tpr;
	return isrv / 16 * 16;
}

static UNUSED u32 o_apr(const struct oapic *o)
{
	u32 isrv = o_highest(o->isr) < 0 ? 0 : (u32)o_highest(o->isr);
	u32 irrv = o_highest(o->irr) < 0 ? 0 : (u32)o_highest(o->irr);
	u32 max = 0;

	for (u32 v = 0; v < 256; v++) {
		if (o->mail[v] && o_soft(o) && v > irrv)
			irrv = v;
	}
	if (o->tpr / 16 >= irrv / 16 && o->tpr / 16 > isrv / 16)
		return o->tpr;
	if (o->tpr / 16 > max)
		max = o->tpr / 16;
	if (isrv / 16 > max)
		max = isrv / 16;
	if (irrv / 16 > max)
		max = irrv / 16;
	return max * 16;
}

/* The vector the processor would take: walk down the classes as the SDM tells it. */
static UNUSED int o_next(const struct oapic *o)
{
	int v = o_highest(o->irr);

	if (v < 0 || (u32)v / 16 <= o_ppr(o) / 16)
		return -1;
	return v;
}

/* Returns the threshold: the highest CR8 that still holds the interrupt back, + 1. */
static UNUSED u32 o_held(const struct oapic *o)
{
	struct oapic lower = *o;
	u32 class = 16;

	if (o_highest(o->irr) < 0 || o_next(o) >= 0)
		return 0;
	while (class > 0 && o_next(&lower) < 0)
		lower.tpr = --class * 16;
	return o_next(&lower) >= 0 ? class + 1 : 0;
}

static UNUSED u32 o_error(struct oapic *o, u32 bit)
{
	o->errors |= bit;
	if (!o->armed || (o->lvt[O_ERROR] & 0x10000))
		return 0;
	o->armed = false;
	if (o->lvt[O_ERROR] % 256 < 16) {
		o->errors |= 0x40;
		return 0;
	}
	o->irr[o->lvt[O_ERROR] % 256] = true;
	o->tmr[o->lvt[O_ERROR] % 256] = false;
	return VAPIC_SELF;
}

#endif
