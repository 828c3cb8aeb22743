// SPDX-License-Identifier: MIT
/* The group: what setup refuses, 1,024 vCPUs, and sets of them. */
#include "tests/unit/vapic_main.h"
#include "vapic/fast.h"

#define MANY VAPIC_MAX_VCPUS

static struct vapic *apic[MANY];
static u64 route[MANY];
static u16 ids[BIT32(20)];
static struct vapic_effects fx;

static struct vapic_vm numbers(u32 count, u32 n_ids, u32 phys_bits)
{
	return (struct vapic_vm){ .count = count,
		                  .ids = n_ids,
		                  .features = 7,
		                  .phys_bits = phys_bits,
		                  .route = route,
		                  .apic = apic,
		                  .index = ids };
}

START_TEST(setup_refuses)
{
	static const struct {
		u32 count, ids, phys_bits;
		bool ok;
	} rows[] = {
		{ 1, 1, 40, true },
		{ 0, 1, 40, false },
		{ 1024, 1024, 40, true },
		{ 1025, 1025, 40, false },
		{ 2, 1, 40, false },
		{ 1, 1u << 20, 40, true },
		{ 1, (1u << 20) + 1, 40, false },
		{ 1, ~0u, 40, false },
		{ 1, 1, 31, false },
		{ 1, 1, 32, true },
		{ 1, 1, 52, true },
		{ 1, 1, 53, false },
	};
	static struct vapic a, b;
	struct vapic_vm vm;

	for (u32 r = 0; r < ARRAY_SIZE(rows); r++) {
		vm = numbers(rows[r].count, rows[r].ids, rows[r].phys_bits);
		ck_assert_msg(vapic_vm_setup(&vm) == rows[r].ok, "row %u", r);
	}
	vm = numbers(2, 10, 40);
	ck_assert(vapic_vm_setup(&vm));
	ck_assert(!vapic_setup(&a, &vm, 2, 0, false));
	ck_assert(!vapic_setup(&a, &vm, 0, ~0u, false));
	ck_assert(vapic_setup(&a, &vm, 0, 9, true));
	ck_assert(!vapic_setup(&b, &vm, 0, 1, false));
	ck_assert(!vapic_setup(&b, &vm, 1, 9, false));
	ck_assert(vapic_setup(&b, &vm, 1, 0, false));
	ck_assert_uint_eq(vapic_index(&vm, 9), 0);
	ck_assert_uint_eq(vapic_index(&vm, 0), 1);
	ck_assert_uint_eq(vapic_index(&vm, 5), VAPIC_NONE);
	ck_assert_uint_eq(vapic_index(&vm, 10), VAPIC_NONE);
	/* Enabled before IDs were scattered: no fast path to the wrong one is left. */
	vm = numbers(2, 6, 40);
	ck_assert(vapic_vm_setup(&vm) && vapic_setup(&a, &vm, 0, 0, true));
	ck_assert_uint_eq(vapic_mmio_write(&a, APIC_SVR, 4, 0x1ff, 0, &fx) & VAPIC_GP, 0);
	ck_assert_uint_eq(vapic_fast_targets(&a, 1, 1), 2);
	ck_assert(vapic_setup(&b, &vm, 1, 5, false));
	ck_assert_uint_eq(vapic_fast_targets(&a, 1, 1), 0);
	ck_assert_uint_eq(vapic_index(&vm, ~0u), VAPIC_NONE);
}
END_TEST

static void send_x2apic(struct vapic *a, u64 icr, u64 woken)
{
	u32 todo = vapic_icr_write64(a, icr, &fx);
	u64 got = 0;

	for (u32 i = 0; i < 64; i++)
		got |= (u64)(vapic_set_has(&fx.wake, i) && (todo & VAPIC_WAKE) != 0) << i;
	ck_assert_msg(got == woken, "ICR %#lx wakes %#lx, not %#lx", icr, got, woken);
	for (u32 i = 0; i < 4; i++)
		if (a->vm->apic[i] != NULL)
			ck_assert_uint_eq(vapic_pull(a->vm->apic[i]).lost, 0);
}

/* IDs beyond the table: found by physical ID; by logical ID with those that share it. */
START_TEST(far_ids)
{
	static const u32 id[] = { 0, 0xfffffffe, 0x80012345, 0x00012345 };
	static struct vapic far[4];
	struct vapic_vm vm = numbers(4, 4, 40);
	u64 value;

	ck_assert(vapic_vm_setup(&vm));
	for (u32 i = 0; i < 4; i++) {
		ck_assert(vapic_setup(&far[i], &vm, i, id[i], i == 0));
		ck_assert_uint_eq(vapic_index(&vm, id[i]), i);
		ck_assert_uint_eq(vapic_msr_write(&far[i], 0x1b, 0xfee00c00, 0, &fx) & VAPIC_GP, 0);
		ck_assert_uint_eq(vapic_msr_write(&far[i], 0x80f, 0x1ff, 0, &fx) & VAPIC_GP, 0);
		ck_assert_uint_eq(vapic_msr_read(&far[i], 0x802, 0, &value) & VAPIC_GP, 0);
		ck_assert_uint_eq(value, id[i]);
		ck_assert_uint_eq(vapic_msr_read(&far[i], 0x80d, 0, &value) & VAPIC_GP, 0);
		ck_assert_uint_eq(value, (id[i] >> 4 & 0xffff) << 16 | 1u << (id[i] & 15));
	}
	ck_assert_uint_eq(vapic_index(&vm, 0x80012346), VAPIC_NONE);
	send_x2apic(&far[0], 0xfffffffeull << 32 | 0x40, 2);
	send_x2apic(&far[0], 0x80012345ull << 32 | 0x40, 4);
	send_x2apic(&far[0], 0x00012345ull << 32 | 0x40, 8);
	send_x2apic(&far[0], 0x80012346ull << 32 | 0x40, 0);
	send_x2apic(&far[0], 0xffffffffull << 32 | 0xc0040, 0xe);
	send_x2apic(&far[0], 0x12340020ull << 32 | 0x840, 0xc); /* logical: two have it */
	send_x2apic(&far[0], 0xffff4000ull << 32 | 0x840, 2);
	send_x2apic(&far[2], 0x00000001ull << 32 | 0x840, 1);
}
END_TEST

/* A vCPU that was never set up is no target, whatever names it. */
START_TEST(holes)
{
	static struct vapic a;
	struct vapic_vm vm = numbers(3, 3, 40);
	u64 all = 7;

	ck_assert(vapic_vm_setup(&vm));
	ck_assert(vapic_setup(&a, &vm, 1, 1, true));
	ck_assert_uint_eq(vapic_base_write(&a, 0xfee00c00), VAPIC_MODE | VAPIC_TIMER);
	ck_assert_uint_eq(vapic_icr_write64(&a, 0xc0040, &fx), VAPIC_SENT);
	ck_assert_uint_eq(vapic_icr_write64(&a, 0x80400, &fx),
	                  VAPIC_SENT | VAPIC_SELF | VAPIC_EVENT);
	ck_assert_uint_eq(vapic_icr_write64(&a, 0xffff00000c40, &fx),
	                  VAPIC_SENT | VAPIC_SELF | VAPIC_EVENT);
	ck_assert_uint_eq(vapic_icr_write64(&a, 0x200000040, &fx), VAPIC_SENT);
	ck_assert_uint_eq(vapic_send_set(&vm, &a, vapic_icr_x2apic(0x440), &all, 1, 0, &fx),
	                  VAPIC_SENT | VAPIC_SELF | VAPIC_EVENT);
}
END_TEST

/* One ID that is no index is enough, whoever comes after it. */
START_TEST(one_out_of_place)
{
	static struct vapic a[3];
	static const u32 id[3] = { 0, 3, 2 };
	struct vapic_vm vm = numbers(3, 4, 40);

	ck_assert(vapic_vm_setup(&vm));
	for (u32 i = 0; i < 3; i++) {
		ck_assert(vapic_setup(&a[i], &vm, i, id[i], i == 0));
		ck_assert_uint_eq(vapic_base_write(&a[i], 0xfee00c00), VAPIC_MODE | VAPIC_TIMER);
		ck_assert(!(vapic_msr_write(&a[i], 0x80f, 0x1ff, 0, &fx) & VAPIC_GP));
	}
	/* Logical, cluster 0, member 3: that is vCPU 1. */
	ck_assert_uint_eq(vapic_icr_write64(&a[0], 0x800000840, &fx), VAPIC_SENT | VAPIC_WAKE);
	ck_assert_uint_eq(vapic_set_next(&fx.wake, 0), 1);
	ck_assert_uint_eq(vm.fast_vcpus, 0);
}
END_TEST

static struct vapic *many[MANY];

/* IDs either the indexes or up to the last ID there can be, far apart. */
static u32 id_of(u32 i, bool scattered)
{
	return scattered ? (i * 1021 + 5) % (1u << 20) : i;
}

static void check_wake(u32 count, const bool *want)
{
	u32 i, n = 0;

	set_for_each (i, &fx.wake) {
		ck_assert_msg(want[i], "%u", i);
		n++;
	}
	ck_assert_uint_eq(n, count);
	ck_assert_uint_eq(vapic_set_count(&fx.wake), count);
}

static void pull_all(void)
{
	for (u32 i = 0; i < MANY; i++)
		ck_assert_uint_eq(vapic_pull(many[i]).events, 0);
}

START_TEST(a_thousand)
{
	bool scattered = _i == 1;
	struct vapic_vm vm = numbers(MANY, 1u << 20, 40);
	bool want[MANY];

	ck_assert(vapic_vm_setup(&vm));
	for (u32 i = 0; i < MANY; i++) {
		many[i] = calloc(1, sizeof(**many) + 64);
		ck_assert_ptr_nonnull(many[i]);
		many[i] = (struct vapic *)align_up((u64)many[i], CACHE_LINE);
		ck_assert(vapic_setup(many[i], &vm, i, id_of(i, scattered), i == 0));
		ck_assert_uint_eq(vapic_base_write(many[i], 0xfee00c00), VAPIC_MODE | VAPIC_TIMER);
		ck_assert_uint_eq(vapic_msr_write(many[i], 0x80f, 0x1ff, 0, &fx), VAPIC_MODE);
	}
	/* Each of them alone, from somewhere else. */
	for (u32 i = 1; i < MANY; i++) {
		u64 dest = (u64)id_of(i, scattered) << 32;

		memset(want, 0, sizeof(want));
		want[i] = true;
		ck_assert_uint_eq(vapic_icr_write64(many[i - 1], dest | 0x40, &fx),
		                  VAPIC_SENT | VAPIC_WAKE);
		check_wake(1, want);
		ck_assert_uint_eq(vapic_icr_write64(many[0], dest | 0x40, &fx), VAPIC_SENT);
		ck_assert_uint_eq(fx.sent.coalesced, 1);
	}
	pull_all();
	/* Clusters here and there; those of their members that exist are woken. */
	for (u32 i = 0; i < MANY; i += 37) {
		u32 id = id_of(i, scattered);
		u64 cluster = (u64)(id >> 4) << 48;
		u32 n = 0;

		memset(want, 0, sizeof(want));
		for (u32 k = 0; k < MANY; k++) {
			want[k] = id_of(k, scattered) >> 4 == id >> 4 && k != 7;
			n += want[k];
		}
		if (n == 0)
			continue;
		ck_assert_uint_eq(
			vapic_icr_write64(many[7], cluster | 0xffff00000000 | 0x841, &fx) &
				~(u32)VAPIC_SELF,
			VAPIC_SENT | VAPIC_WAKE);
		check_wake(n, want);
		pull_all();
	}
	memset(want, 1, sizeof(want));
	want[7] = false;
	ck_assert_uint_eq(vapic_icr_write64(many[7], 0xc0042, &fx), VAPIC_SENT | VAPIC_WAKE);
	ck_assert_uint_eq(fx.sent.posted, MANY - 1);
	check_wake(MANY - 1, want);
	ck_assert_uint_eq(vapic_icr_write64(many[7], 0xc0043, &fx), VAPIC_SENT);
	ck_assert_uint_eq(fx.sent.posted, MANY - 1);
	ck_assert_uint_eq(vapic_icr_write64(many[7], 0xffffffff00000043, &fx),
	                  VAPIC_SENT | VAPIC_SELF);
	ck_assert_uint_eq(fx.sent.posted, 1);
	ck_assert_uint_eq(fx.sent.coalesced, MANY - 1);
	pull_all();
	/* All by one bitmap of 16 words. */
	if (!scattered) {
		u64 words[VAPIC_SET_WORDS];

		memset(words, 0xff, sizeof(words));
		ck_assert_uint_eq(vapic_send_set(&vm, many[0], vapic_icr_x2apic(0x44), words,
		                                 VAPIC_SET_WORDS, 0, &fx),
		                  VAPIC_SENT | VAPIC_WAKE | VAPIC_SELF);
		ck_assert_uint_eq(fx.sent.posted, MANY);
	}
}
END_TEST

/* Sets against an array of bools. */
START_TEST(sets)
{
	struct choices c = { .seed = 99 };
	static bool want[MANY];

	for (u32 round = 0; round < 400; round++) {
		struct vapic_set s;
		u32 i, n = 0, expected = 0;

		memset(&s, 0xa5, sizeof(s));
		vapic_set_clear(&s);
		memset(want, 0, sizeof(want));
		if (round % 4 == 1) {
			u32 count = choose(&c, MANY + 1);

			vapic_set_fill(&s, count);
			memset(want, 1, count);
		}
		for (u32 k = choose(&c, 40); k > 0; k--) {
			i = choose(&c, MANY);
			if (choose(&c, 4) == 0) {
				vapic_set_remove(&s, i);
				want[i] = false;
			} else if (choose(&c, 8) == 0) {
				u64 bits = choose_u64(&c);

				vapic_set_add_word(&s, i / 64, bits);
				for (u32 b = 0; b < 64; b++)
					want[i / 64 * 64 + b] |= (bits >> b & 1) != 0;
			} else {
				vapic_set_add(&s, i);
				want[i] = true;
			}
		}
		for (i = 0; i < MANY; i++) {
			ck_assert_msg(vapic_set_has(&s, i) == want[i], "round %u, %u", round, i);
			expected += want[i];
		}
		ck_assert_uint_eq(vapic_set_count(&s), expected);
		set_for_each (i, &s) {
			ck_assert(want[i]);
			n++;
		}
		ck_assert_uint_eq(n, expected);
		i = choose(&c, MANY);
		vapic_set_only(&s, i);
		ck_assert_uint_eq(vapic_set_count(&s), 1);
		ck_assert_uint_eq(vapic_set_next(&s, 0), i);
		ck_assert_uint_eq(vapic_set_next(&s, i), i);
		ck_assert_uint_eq(vapic_set_next(&s, i + 1), VAPIC_NONE);
	}
}
END_TEST

VAPIC_MAIN("vapic_vm", { setup_refuses, 1 }, { far_ids, 1 }, { holes, 1 }, { one_out_of_place, 1 },
           { a_thousand, 2 }, { sets, 1 })
