// SPDX-License-Identifier: MIT
/* Local vector table, error status, software disable, and what the mailbox does with events. */
#include "tests/unit/vapic_main.h"

static struct world w;
static struct vapic *a;

static void begin(u32 count)
{
	world_init(&w, count, false, 7);
	world_enable(&w, 0);
	a = &w.mem[0];
}

static u32 put(u32 offset, u32 value)
{
	struct vapic_effects fx;

	return vapic_mmio_write(a, offset, 4, value, 0, &fx);
}

static u32 get(u32 offset)
{
	u64 value;

	ck_assert_uint_eq(vapic_mmio_read(a, offset, 4, 0, &value), 0);
	return (u32)value;
}

static u32 send(struct vapic *src, u32 mode, u32 vector, u32 dest)
{
	struct vapic_effects fx;
	struct vapic_icr m = {
		.dest = dest, .mode = (u8)mode, .vector = (u8)vector, .flags = VAPIC_ICR_WIDE
	};

	return vapic_send(&w.vm, src, m, &fx);
}

static u32 pull(struct vapic *target)
{
	struct vapic_mailed m = vapic_pull(target);

	return m.events;
}

static const u16 lvt_at[VAPIC_LVT_COUNT] = {
	[VAPIC_LVT_CMCI] = 0x2f0,  [VAPIC_LVT_TIMER] = 0x320, [VAPIC_LVT_THERMAL] = 0x330,
	[VAPIC_LVT_PMI] = 0x340,   [VAPIC_LVT_LINT0] = 0x350, [VAPIC_LVT_LINT1] = 0x360,
	[VAPIC_LVT_ERROR] = 0x370,
};

/* Each entry with each delivery mode, mask, trigger and vector, raised three times with EOIs
 * between. */
START_TEST(every_lvt_entry)
{
	static const u8 vectors[] = { 0, 15, 16, 0x83, 255 };

	for (u32 bits = 0; bits < 64; bits++) {
		for (u32 v = 0; v < ARRAY_SIZE(vectors); v++) {
			u32 value = vectors[v] | (bits & 7) << 8 | (bits >> 3 & 1) << 16 |
			            (bits >> 4 & 3) << 14;

			begin(1);
			o_write(&w.oracle, 0, lvt_at[_i], value, 0, &(struct expect){ 0 });
			(void)(put(lvt_at[_i], value) + 0);
			for (u32 n = 0; n < 3; n++) {
				u32 want = o_raise(&w.oracle.apic[0], _i);

				ck_assert_uint_eq(vapic_lvt_raise(a, (enum vapic_lvt)_i), want);
				world_check(&w, 0);
				step_pull(&w, 0);
				step_inject(&w, 0);
				world_check(&w, 0);
				if (n == 1)
					step_eoi(&w, 0);
				world_check(&w, 0);
			}
		}
	}
}
END_TEST

START_TEST(pmi_masks_itself)
{
	begin(1);
	ck_assert_uint_eq(put(0x340, 0x400), 0);
	ck_assert_uint_eq(vapic_lvt_raise(a, VAPIC_LVT_PMI), VAPIC_SELF | VAPIC_EVENT);
	ck_assert_uint_eq(get(0x340), 0x10400);
	ck_assert_uint_eq(vapic_lvt_raise(a, VAPIC_LVT_PMI), 0);
	ck_assert_uint_eq(pull(a), VAPIC_EV_NMI);
}
END_TEST

START_TEST(level_triggered_pin_waits_for_eoi)
{
	struct vapic_effects fx;

	begin(1);
	ck_assert_uint_eq(put(0x350, 0x8050), 0);
	ck_assert_uint_eq(vapic_lvt_raise(a, VAPIC_LVT_LINT0), VAPIC_SELF);
	ck_assert_uint_eq(get(0x350), 0xc050);
	ck_assert_uint_eq(vapic_lvt_raise(a, VAPIC_LVT_LINT0), 0);
	ck_assert_int_eq(vapic_next(a), 0x50);
	vapic_accept(a, 0x50);
	ck_assert_uint_eq(vapic_lvt_raise(a, VAPIC_LVT_LINT0), 0);
	/* Remote IRR is read-only, and outlives a write of the entry unless the pin turns to edge.
	 */
	ck_assert_uint_eq(put(0x350, 0x8050), 0);
	ck_assert_uint_eq(get(0x350), 0xc050);
	ck_assert_uint_eq(put(0x360, 0xc051), 0);
	ck_assert_uint_eq(get(0x360), 0x8051);
	ck_assert_uint_eq(put(0x350, 0x0050), 0);
	ck_assert_uint_eq(get(0x350), 0x0050);
	ck_assert_uint_eq(put(0x350, 0x8050), 0);
	ck_assert_uint_eq(vapic_lvt_raise(a, VAPIC_LVT_LINT0), VAPIC_SELF);
	ck_assert_uint_eq(get(0x350), 0xc050);
	ck_assert_uint_eq(vapic_eoi_skippable(a), false);
	ck_assert_uint_eq(vapic_eoi(a, &fx), VAPIC_EOI | VAPIC_SELF);
	ck_assert_uint_eq(fx.eoi_vector, 0x50);
	ck_assert_uint_eq(get(0x350), 0x8050);
	ck_assert_uint_eq(vapic_lvt_raise(a, VAPIC_LVT_LINT0), VAPIC_SELF);
}
END_TEST

/* SVR bit 12: the EOI stays here. */
START_TEST(eoi_broadcast_suppression)
{
	struct vapic_effects fx;

	for (u32 suppress = 0; suppress < 2; suppress++) {
		begin(1);
		ck_assert_uint_eq(put(0xf0, 0x1ff | suppress << 12), 0);
		ck_assert_uint_eq(vapic_msi(&w.vm, 0xfee00000, 0xc061, &fx),
		                  VAPIC_SENT | VAPIC_WAKE);
		ck_assert_uint_eq(pull(a), 0);
		ck_assert_uint_eq(get(0x1b0), 2); /* TMR, vectors 0x60.. */
		vapic_accept(a, 0x61);
		ck_assert_uint_eq(vapic_eoi(a, &fx), suppress ? 0 : VAPIC_EOI);
	}
}
END_TEST

/* The trigger mode of a vector is that of its latest message. */
START_TEST(trigger_mode_follows)
{
	struct vapic_effects fx;

	begin(2);
	for (u32 n = 0; n < 8; n++) {
		bool level = (n & 1) != 0;
		u32 data = 0x62 | (level ? 0xc000 : 0);
		u32 todo = vapic_msi(&w.vm, 0xfee00000, data, &fx);

		ck_assert_uint_eq(todo & VAPIC_SENT, VAPIC_SENT);
		ck_assert_uint_eq(pull(a), 0);
		ck_assert_uint_eq(get(0x1b0), level ? 4 : 0);
		vapic_accept(a, 0x62);
		ck_assert_uint_eq(vapic_eoi(a, &fx), level ? VAPIC_EOI : 0);
	}
	ck_assert_uint_eq(vapic_msi(&w.vm, 0xfee00000, 0xc062, &fx), VAPIC_SENT | VAPIC_WAKE);
	ck_assert_uint_eq(vapic_msi(&w.vm, 0xfee00000, 0x62, &fx), VAPIC_SENT);
	ck_assert_uint_eq(fx.sent.coalesced, 1);
	ck_assert_uint_eq(pull(a), 0);
	ck_assert_uint_eq(get(0x1b0), 0);
	/* A level-triggered message with the level de-asserted is none. */
	ck_assert_uint_eq(vapic_msi(&w.vm, 0xfee00000, 0x8063, &fx), VAPIC_SENT);
	ck_assert_uint_eq(fx.sent.dropped, 1);
}
END_TEST

/* Written, then read: the register shows what was logged before the write. */
START_TEST(esr_write_then_read)
{
	begin(1);
	ck_assert_uint_eq(put(0x300, 0x40005), VAPIC_SENT | VAPIC_SELF | VAPIC_EVENT);
	ck_assert_uint_eq(get(0x280), 0);
	ck_assert_uint_eq(put(0x280, 0), 0);
	ck_assert_uint_eq(get(0x280), 0x20);
	ck_assert_uint_eq(get(0x280), 0x20);
	ck_assert_uint_eq(pull(a), 0);
	ck_assert_uint_eq(get(0x280), 0x20);
	ck_assert_uint_eq(put(0x280, 0xffffffff), 0);
	ck_assert_uint_eq(get(0x280), 0x40);
	ck_assert_uint_eq(put(0x280, 0), 0);
	ck_assert_uint_eq(get(0x280), 0);
}
END_TEST

START_TEST(error_entry_fires_once)
{
	u64 value;

	begin(1);
	ck_assert_uint_eq(put(0x370, 0x71), 0);
	ck_assert_uint_eq(vapic_mmio_read(a, 0x40, 4, 0, &value), VAPIC_SELF);
	ck_assert_int_eq(vapic_next(a), 0x71);
	vapic_accept(a, 0x71);
	ck_assert_uint_eq(vapic_mmio_read(a, 0x40, 4, 0, &value), 0);
	ck_assert_int_eq(vapic_next(a), -1);
	ck_assert_uint_eq(put(0x280, 0), 0);
	ck_assert_uint_eq(vapic_mmio_read(a, 0x40, 4, 0, &value), VAPIC_SELF);
	/* While masked, errors are logged and the entry stays ready. */
	ck_assert_uint_eq(put(0x280, 0), 0);
	ck_assert_uint_eq(put(0x370, 0x10072), 0);
	ck_assert_uint_eq(vapic_mmio_read(a, 0x40, 4, 0, &value), 0);
	ck_assert_uint_eq(put(0x370, 0x72), 0);
	ck_assert_uint_eq(vapic_mmio_read(a, 0x40, 4, 0, &value), VAPIC_SELF);
}
END_TEST

/* An error entry with an illegal vector is an error that would raise the error entry. */
START_TEST(error_entry_does_not_recurse)
{
	for (u32 vector = 0; vector < 16; vector++) {
		begin(1);
		ck_assert_uint_eq(put(0x370, vector), 0);
		ck_assert_uint_eq(put(0x300, 0x40000 | vector),
		                  VAPIC_SENT | VAPIC_SELF | VAPIC_EVENT);
		ck_assert_uint_eq(pull(a), 0);
		ck_assert_int_eq(vapic_next(a), -1);
		ck_assert_uint_eq(put(0x280, 0), 0);
		ck_assert_uint_eq(get(0x280), 0x60);
	}
}
END_TEST

START_TEST(illegal_vectors_reach_the_target_as_an_error)
{
	struct vapic_effects fx;

	begin(2);
	for (u32 v = 0; v < 16; v++) {
		ck_assert_uint_eq(vapic_msi(&w.vm, 0xfee01000, v, &fx),
		                  VAPIC_SENT | VAPIC_WAKE | VAPIC_EVENT);
		ck_assert_uint_eq(fx.sent.dropped, 1);
		ck_assert_uint_eq(vapic_pending(&w.mem[1]), true);
		ck_assert_uint_eq(pull(&w.mem[1]), 0);
		ck_assert_uint_eq(w.mem[1].esr_log, 0x40);
		ck_assert_int_eq(vapic_next(&w.mem[1]), -1);
	}
}
END_TEST

START_TEST(software_disable)
{
	static const u16 lvts[] = { 0x2f0, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370 };

	begin(2);
	for (u32 k = 0; k < ARRAY_SIZE(lvts); k++)
		(void)(put(lvts[k], 0x44) + 0);
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_FIXED, 0x51, 0), VAPIC_SENT | VAPIC_WAKE);
	ck_assert_uint_eq(put(0xf0, 0xff), VAPIC_SELF | VAPIC_MODE);
	for (u32 k = 0; k < ARRAY_SIZE(lvts); k++) {
		ck_assert_uint_eq(get(lvts[k]), 0x10044);
		(void)(put(lvts[k], 0x45) + 0);
		ck_assert_uint_eq(get(lvts[k]), 0x10045);
	}
	/* What had arrived stays, and the CPU may take it. */
	ck_assert_int_eq(vapic_next(a), 0x51);
	/* Fixed and lowest priority are ignored; what starts and stops a CPU is not. */
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_FIXED, 0x52, 0), VAPIC_SENT);
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_LOWEST, 0x52, 0), VAPIC_SENT);
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_NMI, 0, 0),
	                  VAPIC_SENT | VAPIC_WAKE | VAPIC_EVENT);
	ck_assert_uint_eq(pull(a), VAPIC_EV_NMI);
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_INIT, 0, 0),
	                  VAPIC_SENT | VAPIC_WAKE | VAPIC_EVENT);
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_SIPI, 0x9a, 0), VAPIC_SENT);
	ck_assert_uint_eq(pull(a), VAPIC_EV_INIT | VAPIC_EV_SIPI | 0x9a00);
	/* A vector of a sender that had not seen it yet is lost, and counted. */
	ck_assert_uint_eq(atomic_or(&a->mail.pir[1], 0x30ull) & 0, 0);
	atomic_store(&a->mail.on, 1u);
	ck_assert_uint_eq(vapic_pull(a).lost, 2);
	ck_assert_uint_eq(put(0xf0, 0x1ff), VAPIC_MODE);
	for (u32 k = 0; k < ARRAY_SIZE(lvts); k++)
		ck_assert_uint_eq(get(lvts[k]), 0x10045);
}
END_TEST

/* Orders of INIT, SIPI and NMI. The first SIPI after the last INIT stands; an NMI before it not. */
START_TEST(init_sipi_and_nmi)
{
	static const struct {
		const char *orders;
		u32 events;
	} rows[] = {
		{ "i", VAPIC_EV_INIT },
		{ "1", VAPIC_EV_SIPI | 0x100 },
		{ "i1", VAPIC_EV_INIT | VAPIC_EV_SIPI | 0x100 },
		{ "i12", VAPIC_EV_INIT | VAPIC_EV_SIPI | 0x100 },
		{ "1i", VAPIC_EV_INIT },
		{ "1i2", VAPIC_EV_INIT | VAPIC_EV_SIPI | 0x200 },
		{ "i1i2", VAPIC_EV_INIT | VAPIC_EV_SIPI | 0x200 },
		{ "i1i", VAPIC_EV_INIT },
		{ "n1", VAPIC_EV_NMI | VAPIC_EV_SIPI | 0x100 },
		{ "ni", VAPIC_EV_INIT },
		{ "ni1", VAPIC_EV_INIT | VAPIC_EV_SIPI | 0x100 },
		{ "in1", VAPIC_EV_INIT | VAPIC_EV_SIPI | VAPIC_EV_NMI | 0x100 },
		{ "i1n", VAPIC_EV_INIT | VAPIC_EV_SIPI | VAPIC_EV_NMI | 0x100 },
		{ "1n2i", VAPIC_EV_INIT },
	};

	begin(2);
	for (u32 r = 0; r < ARRAY_SIZE(rows); r++) {
		for (const char *p = rows[r].orders; *p != 0; p++) {
			u32 mode = *p == 'i'   ? VAPIC_DM_INIT
			           : *p == 'n' ? VAPIC_DM_NMI
			                       : VAPIC_DM_SIPI;
			u32 todo = send(&w.mem[1], mode, (u32)*p - '0', 0);

			/* The first of a burst answers for the kick, and it alone. */
			ck_assert_uint_eq((todo & VAPIC_WAKE) != 0, p == rows[r].orders);
		}
		ck_assert_msg(pull(a) == rows[r].events, "%s", rows[r].orders);
		ck_assert_uint_eq(pull(a), 0);
	}
}
END_TEST

/* The first poster of a burst wakes, until the owner has looked. */
START_TEST(one_wake_for_a_burst)
{
	struct vapic_mailed m;

	begin(2);
	for (u32 round = 0; round < 3; round++) {
		for (u32 v = 16; v < 256; v++) {
			u32 todo = send(&w.mem[1], VAPIC_DM_FIXED, v, 0);

			ck_assert_uint_eq((todo & VAPIC_WAKE) != 0, v == 16);
		}
		ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_NMI, 0, 0),
		                  VAPIC_SENT | VAPIC_WAKE | VAPIC_EVENT);
		ck_assert_uint_eq(vapic_pending(a), true);
		m = vapic_pull(a);
		ck_assert_uint_eq(m.events, VAPIC_EV_NMI);
		ck_assert_uint_eq(m.folded, round == 0 ? 0 : 240);
		ck_assert_uint_eq(vapic_pending(a), false);
	}
	for (int v = 255; v >= 16; v--) {
		ck_assert_int_eq(vapic_next(a), v);
		vapic_accept(a, (u8)v);
		a->reg[0x100 / 4 + v / 32 * 4] = 0;
		a->isr_words = 0;
	}
}
END_TEST

/* INIT forgets the vectors that were posted before it. */
START_TEST(init_empties_the_mailbox)
{
	begin(2);
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_FIXED, 0x51, 0), VAPIC_SENT | VAPIC_WAKE);
	ck_assert_uint_eq(vapic_init(a), VAPIC_TIMER | VAPIC_MODE);
	ck_assert_uint_eq(put(0xf0, 0x1ff), VAPIC_MODE);
	ck_assert_uint_eq(pull(a), 0);
	ck_assert_int_eq(vapic_next(a), -1);
	ck_assert_uint_eq(send(&w.mem[1], VAPIC_DM_NMI, 0, 0),
	                  VAPIC_SENT | VAPIC_WAKE | VAPIC_EVENT);
	ck_assert_uint_eq(vapic_reset(a, true), VAPIC_TIMER | VAPIC_MODE);
	ck_assert_uint_eq(pull(a), 0);
}
END_TEST

/* Where the processor stores nothing by itself there is nothing to follow. */
START_TEST(stray_apic_writes)
{
	struct vapic_effects fx;

	begin(1);
	for (u32 offset = 0x3f1; offset < 0x2000; offset++) {
		u32 todo = vapic_apic_write(a, offset, 0, &fx);

		ck_assert_uint_eq(todo, 0);
	}
	ck_assert_uint_eq(vapic_base_write(a, 0xfee00c00), VAPIC_MODE | VAPIC_TIMER);
	for (u32 offset = 0; offset < 0x2000; offset += offset % 16 == 0 ? 1 : 15) {
		if (offset == 0x80 || offset == 0xb0 || offset == 0x300 || offset == 0x3f0)
			continue;
		ck_assert_uint_eq(vapic_apic_write(a, offset, 0, &fx), 0);
	}
	ck_assert_uint_eq(vapic_base_write(a, 0xfee00000), VAPIC_MODE | VAPIC_TIMER);
	ck_assert_uint_eq(vapic_apic_write(a, 0xb0, 0, &fx), VAPIC_MISS);
}
END_TEST

VAPIC_MAIN("vapic_local", { every_lvt_entry, VAPIC_LVT_COUNT }, { pmi_masks_itself, 1 },
           { level_triggered_pin_waits_for_eoi, 1 }, { eoi_broadcast_suppression, 1 },
           { trigger_mode_follows, 1 }, { esr_write_then_read, 1 }, { error_entry_fires_once, 1 },
           { error_entry_does_not_recurse, 1 }, { illegal_vectors_reach_the_target_as_an_error, 1 },
           { software_disable, 1 }, { init_sipi_and_nmi, 1 }, { one_wake_for_a_burst, 1 },
           { init_empties_the_mailbox, 1 }, { stray_apic_writes, 1 })
