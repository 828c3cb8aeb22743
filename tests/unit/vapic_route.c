// SPDX-License-Identifier: MIT
/*
 * Every delivery mode, shorthand, destination and source, for 1 to 8 vCPUs in many states, against
 * the oracle. Each message is sent twice before the targets look, so that coalescing shows.
 */
#include "tests/unit/vapic_main.h"

static struct world w;

enum state { OFF, SOFT_OFF, XFLAT, XCLUSTER, XODD, X2, STATES };

/* vCPU i of a VM in one of these mixtures; a digit for each vCPU, repeated. */
static const char *const mixtures[] = {
	"2",        /* all xAPIC, flat */
	"3",        /* all xAPIC, cluster */
	"4",        /* all xAPIC, DFR as nobody defined it */
	"5",        /* all x2APIC */
	"25",       /* both modes */
	"23451052", /* everything at once */
	"15",       /* half disabled by software */
	"05",       /* half disabled by the base MSR: logical routing without xAPICs */
	"02",
};

static void put(u32 i, u32 msr, u32 offset, u64 value)
{
	struct vapic_effects fx;
	struct expect e = { 0 };
	u32 todo;

	if (msr != 0) {
		o_msr_write(&w.oracle, (int)i, msr, value, w.now, &e);
		todo = vapic_msr_write(&w.mem[i], msr, value, w.now, &fx);
	} else {
		o_mmio_write(&w.oracle, (int)i, offset, 4, value, w.now, &e);
		todo = vapic_mmio_write(&w.mem[i], offset, 4, value, w.now, &fx);
	}
	world_check_return(&w, todo, &fx, &e);
}

static void set_state(u32 i, enum state state)
{
	if (state == OFF) {
		put(i, 0x1b, 0, 0xfee00000);
	} else if (state == X2) {
		put(i, 0x1b, 0, 0xfee00c00);
		put(i, 0x80f, 0, 0x1ff);
	} else if (state != SOFT_OFF) {
		u32 logical = state == XCLUSTER ? i / 4 << 4 | 1u << i % 4 : 1u << i;

		put(i, 0, 0xf0, 0x1ff);
		put(i, 0, 0xd0, (u64)logical << 24);
		put(i, 0, 0xe0, state == XFLAT ? ~0u : state == XCLUSTER ? 0 : (i + 1) << 28);
	}
}

static void begin(const char *mixture, u32 count, bool scattered)
{
	world_init(&w, count, scattered, 7);
	for (u32 i = 0; i < count; i++)
		set_state(i, (enum state)(mixture[i % strlen(mixture)] - '0'));
}

/* Everything that arrived is taken; who has it is compared. */
static void drain(void)
{
	for (u32 i = 0; i < w.vm.count; i++)
		step_pull(&w, i);
}

static void send_twice(u32 src, struct vapic_icr m)
{
	for (u32 k = 0; k < 2; k++) {
		struct vapic_effects fx;
		struct expect e = { 0 };
		int o_src = src < w.vm.count ? (int)src : -1;
		struct vapic *a = o_src < 0 ? NULL : &w.mem[src];

		o_send(&w.oracle, o_src, m, &e);
		world_check_return(&w, vapic_send(&w.vm, a, m, &fx), &fx, &e);
	}
	drain();
}

/* The same through the sender's own register, where it has one. */
static void write_icr(u32 src, u32 low, u32 dest)
{
	if (o_mode(&w.oracle.apic[src]) == VAPIC_X2APIC) {
		put(src, 0x830, 0, (u64)dest << 32 | low);
	} else if (o_mode(&w.oracle.apic[src]) == VAPIC_XAPIC) {
		put(src, 0, 0x310, (u64)dest << 24);
		put(src, 0, 0x300, low);
	}
	drain();
}

/* Destinations: all 8-bit ones, the first clusters with each pair of members, broadcasts. */
static u32 destination(u32 k)
{
	static const u32 more[] = { 0xffffffff, 0x10000,  0x10001,    0x1ffff, 0x2ffff,
		                    0xf0003,    0x13fffe, 0x100,      0x12c,   0x1001,
		                    0x300,      0x8001,   0x80000000, 0xffff,  0xffff0000 };

	return k < 256 ? k : more[k - 256];
}
#define DESTINATIONS (256 + 15u)

static void every_message(u32 src, u32 mode, u32 vector)
{
	for (u32 flags = 0; flags < 16; flags++) {
		for (u32 shorthand = 0; shorthand < 4; shorthand++) {
			for (u32 k = 0; k < DESTINATIONS; k++) {
				struct vapic_icr m = {
					.dest = destination(k),
					.vector = (u8)vector,
					.mode = (u8)mode,
					.shorthand = (u8)shorthand,
					.flags = (u8)flags,
				};

				/* Shorthands do not look at it; trigger and level do not, either.
				 */
				if ((shorthand != 0 || (flags & 6) != 0) && k % 51 != 0)
					continue;
				send_twice(src, m);
			}
		}
	}
}

START_TEST(every_message_every_source)
{
	const char *mixture = mixtures[_i];

	for (u32 count = 1; count <= 8; count += count < 4 ? 1 : 4) {
		for (u32 src = 0; src <= count; src++) {
			for (u32 mode = 0; mode < 8; mode++) {
				begin(mixture, count, (count + src) % 2 == 1);
				every_message(src, mode, 0x40 + src);
				every_message(src, mode, 0x0f);
				world_check(&w, src < count ? src : 0);
			}
		}
	}
}
END_TEST

START_TEST(every_icr_value)
{
	for (u32 scattered = 0; scattered < 2; scattered++) {
		begin(mixtures[_i], 8, scattered == 1);
		for (u32 src = 0; src < 8; src++) {
			for (u32 k = 0; k < DESTINATIONS; k++) {
				write_icr(src, 0x4041, destination(k));
				write_icr(src, 0x0842, destination(k));
				write_icr(src, 0x0900 + k % 240 + 16, destination(k));
			}
			for (u32 bits = 0; bits < 0x4000; bits++)
				write_icr(src, bits << 6 | (bits & 0x2f), destination(bits % 9));
		}
		for (u32 i = 0; i < 8; i++)
			world_check(&w, i);
	}
}
END_TEST

/* Every legal vector arrives as itself, by each of the ways that are written separately. */
START_TEST(every_vector)
{
	begin("5", 3, false);
	for (u32 v = 16; v < 256; v++) {
		write_icr(0, v, 1);
		write_icr(0, v | 0x800, 4);
		write_icr(0, v | 0x40000, 0);
		write_icr(0, v | 0xc0000, 0);
		put(0, 0x83f, 0, v);
		drain();
		for (u32 i = 0; i < 3; i++) {
			world_check(&w, i);
			ck_assert_int_eq(vapic_next(&w.mem[i]), (int)v);
			step_inject(&w, i);
			step_eoi(&w, i);
		}
	}
}
END_TEST

/* The arbitration that docs/vapic.md states, written out for one case. */
START_TEST(lowest_priority_is_shared_out)
{
	u32 got[4] = { 0 };

	begin("5", 4, false);
	put(2, 0x80f, 0, 0xff); /* number 2 is disabled and cannot be chosen */
	for (u32 v = 16; v < 256; v++) {
		struct vapic_effects fx;
		u64 address = 0xfee00000 | 0x0f << 12 | 4;

		ck_assert_uint_eq(vapic_msi(&w.vm, address, 0x100 | v, &fx),
		                  VAPIC_SENT | VAPIC_WAKE);
		ck_assert_uint_eq(fx.sent.requested, 1);
		ck_assert_uint_eq(vapic_set_count(&fx.wake), 1);
		got[vapic_set_next(&fx.wake, 0)]++;
		for (u32 i = 0; i < 4; i++) {
			struct vapic_mailed m = vapic_pull(&w.mem[i]);

			ck_assert_uint_eq(m.events, 0);
		}
	}
	ck_assert_uint_eq(got[0], 80);
	ck_assert_uint_eq(got[1], 80);
	ck_assert_uint_eq(got[2], 0);
	ck_assert_uint_eq(got[3], 80);
}
END_TEST

/* Bits 31:20, 17:16 and 13 fault in x2APIC mode and change nothing. */
START_TEST(reserved_icr_bits)
{
	struct vapic_effects fx;

	begin("5", 2, false);
	for (u32 bit = 0; bit < 32; bit++) {
		bool reserved = bit >= 20 || bit == 17 || bit == 16 || bit == 13;
		u64 value = 1ull << 32 | 0x40 | 1u << bit;
		u32 before = w.mem[0].reg[0x300 / 4];
		u32 todo = vapic_icr_write64(&w.mem[0], value, &fx);

		ck_assert_msg((todo == VAPIC_GP) == reserved, "bit %u", bit);
		if (reserved)
			ck_assert_uint_eq(w.mem[0].reg[0x300 / 4], before);
		else if (bit == 12) /* where the delivery status was: written in vain */
			ck_assert_uint_eq(w.mem[0].reg[0x300 / 4], 0x40);
	}
}
END_TEST

/* The fast path takes what the guest wrote, and check it themselves. */
START_TEST(fast_path_checks_for_itself)
{
	struct vapic_effects fx;

	begin("2", 2, false);
	ck_assert_uint_eq(vapic_icr_write_low(&w.mem[0], 0xfff33000 | 0x40041, &fx),
	                  VAPIC_SENT | VAPIC_SELF);
	ck_assert_uint_eq(w.mem[0].reg[0x300 / 4], 0x40041);
	ck_assert_uint_eq(vapic_icr_write64(&w.mem[0], 0x41, &fx), VAPIC_GP);
	ck_assert_uint_eq(vapic_self_ipi(&w.mem[0], 0x41, &fx), VAPIC_GP);
	begin("5", 2, false);
	for (u32 bit = 8; bit < 64; bit++)
		ck_assert_uint_eq(vapic_self_ipi(&w.mem[0], 0x41 | 1ull << bit, &fx), VAPIC_GP);
	ck_assert_uint_eq(vapic_self_ipi(&w.mem[0], 0x41, &fx), VAPIC_SENT | VAPIC_SELF);
}
END_TEST

/* Of a device's data the vector, mode and trigger count; the destination is all in the address. */
START_TEST(msi_data)
{
	for (u32 bit = 11; bit < 32; bit++) {
		struct vapic_icr icr = vapic_icr_msi(0xfee01000, 0x41 | BIT32(bit));
		u32 flags = bit == 14 ? VAPIC_ICR_ASSERT : bit == 15 ? VAPIC_ICR_LEVEL : 0;

		ck_assert_uint_eq(icr.dest, 1);
		ck_assert_uint_eq(icr.vector, 0x41);
		ck_assert_uint_eq(icr.mode, VAPIC_DM_FIXED);
		ck_assert_uint_eq(icr.shorthand, VAPIC_TO_DEST);
		ck_assert_uint_eq(icr.flags, flags);
	}
}
END_TEST

VAPIC_MAIN("vapic_route", { every_message_every_source, ARRAY_SIZE(mixtures) },
           { every_icr_value, ARRAY_SIZE(mixtures) }, { every_vector, 1 },
           { lowest_priority_is_shared_out, 1 }, { reserved_icr_bits, 1 },
           { fast_path_checks_for_itself, 1 }, { msi_data, 1 })
