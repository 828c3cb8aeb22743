// SPDX-License-Identifier: MIT
/*
 * The model beside a processor that delivers by itself. vCPU 0's page is kept by a small processor
 * written after the SDM (volume 3C, "Virtual-Interrupt Delivery" and what follows); vCPU 1 is the
 * model alone; vCPU 2 sends. Both get the same, and must be the same after each step.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>

#include "tests/unit/vapic_main.h"

#define SERVED (&w.mem[0])
#define PLAIN  (&w.mem[1])
#define SENDER (&w.mem[2])

static struct world w;
static u64 seed;

static u32 draw(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(seed >> 33) % n;
}

/* For results that are of no matter here. */
static void drop(u32 todo)
{
	WORLD_CHECK(todo != VAPIC_GP, "#GP");
}

/* ---- the processor ---- */

static struct {
	u8 rvi, svi;
	u64 eoi_exit[4];
	bool serves;
} cpu;

static u8 top(u32 base)
{
	for (u32 v = 256; v-- > 0;)
		if (SERVED->reg[base / 4 + v / 32 * 4] >> v % 32 & 1)
			return (u8)v;
	return 0;
}

static u32 ppr(void)
{
	u32 tpr = SERVED->reg[0x80 / 4];

	return tpr / 16 >= cpu.svi / 16u ? tpr : cpu.svi & 0xf0u;
}

/* Delivers what it may; 0: nothing. */
static u8 cpu_deliver(void)
{
	u8 v = cpu.rvi;

	if (v / 16u <= ppr() / 16)
		return 0;
	SERVED->reg[0x100 / 4 + v / 32 * 4] |= 1u << v % 32;
	SERVED->reg[0x200 / 4 + v / 32 * 4] &= ~(1u << v % 32);
	cpu.svi = v;
	cpu.rvi = top(0x200);
	return v;
}

/* The vector if the EOI exits, else 0. */
static u8 cpu_eoi(void)
{
	u8 v = cpu.svi;

	SERVED->reg[0x100 / 4 + v / 32 * 4] &= ~(1u << v % 32);
	cpu.svi = top(0x100);
	return cpu.eoi_exit[v / 64] >> v % 64 & 1 ? v : 0;
}

/* ---- what hv/kernel/ipi/apicv.c does with the model's answers ---- */

static void eoi_exits(void)
{
	for (u32 v = 0; v < 256; v++)
		if (SERVED->reg[0x180 / 4 + v / 32 * 4] >> v % 32 & 1)
			cpu.eoi_exit[v / 64] |= 1ull << v % 64;
		else
			cpu.eoi_exit[v / 64] &= ~(1ull << v % 64);
}

static void hand_over(void)
{
	u32 v = vapic_hand_over(SERVED);

	if (v > cpu.rvi)
		cpu.rvi = (u8)v;
	eoi_exits();
}

static void serve(bool on)
{
	u16 status;

	vapic_adopt(SERVED);
	cpu.serves = on;
	if (!on)
		return;
	status = vapic_interrupt_status(SERVED);
	cpu.rvi = (u8)status;
	cpu.svi = (u8)(status >> 8);
	drop(vapic_hand_over(SERVED));
	eoi_exits();
}

/* ---- steps ---- */

static u8 model_deliver(struct vapic *a)
{
	int v = vapic_next(a);

	if (v < 0)
		return 0;
	vapic_accept(a, (u8)v);
	return (u8)v;
}

static void both_deliver(void)
{
	u8 got = cpu.serves ? cpu_deliver() : model_deliver(SERVED);
	u8 want = model_deliver(PLAIN);

	WORLD_CHECK(got == want, "delivered %#x, not %#x", got, want);
}

static void both_eoi(void)
{
	struct vapic_effects fx = { 0 }, want = { 0 };
	u32 todo = vapic_eoi(PLAIN, &want) & VAPIC_EOI, got = 0;
	u8 v;

	if (!cpu.serves) {
		got = vapic_eoi(SERVED, &fx) & VAPIC_EOI;
	} else if (cpu.svi != 0) {
		v = cpu_eoi();
		if (v != 0)
			got = vapic_virtual_eoi(SERVED, v, &fx);
	}
	ck_assert_uint_eq(got, todo);
	if (todo != 0)
		ck_assert_uint_eq(fx.eoi_vector, want.eoi_vector);
}

static void both_tpr(void)
{
	u32 value = draw(4) == 0 ? 0 : draw(256);

	SERVED->reg[0x80 / 4] = value; /* by itself where it serves */
	PLAIN->reg[0x80 / 4] = value;
}

/* Even vectors: a self-IPI that the processor carries out leaves TMR as it is (docs/caveats.md). */
static void both_self(void)
{
	u32 v = 16 + draw(120) * 2;
	struct vapic_effects fx;

	ck_assert_uint_ne(vapic_self_ipi(PLAIN, v, &fx), VAPIC_GP);
	if (!cpu.serves || draw(2)) {
		/* The ICR's shorthand exits: the model sends. */
		ck_assert_uint_ne(vapic_icr_write64(SERVED, 0x40000 | v, &fx), VAPIC_GP);
		if (cpu.serves)
			hand_over();
		return;
	}
	SERVED->reg[0x200 / 4 + v / 32 * 4] |= 1u << v % 32;
	if (v > cpu.rvi)
		cpu.rvi = (u8)v;
}

/* A device's message to both, or a vCPU's. */
static void both_post(void)
{
	u32 v = 16 + draw(240);
	bool level = v % 2 != 0 && draw(2);
	struct vapic_effects fx;

	if (draw(2)) {
		for (u64 dest = 0; dest < 2; dest++)
			drop(vapic_icr_write64(SENDER, dest << 32 | v, &fx));
		return;
	}
	for (u64 dest = 0; dest < 2; dest++)
		drop(vapic_msi(&w.vm, 0xfee00000 | dest << 12, v | (level ? 0xc000u : 0), &fx));
}

static void both_pull(void)
{
	struct vapic_mailed a = vapic_pull(SERVED), b = vapic_pull(PLAIN);

	ck_assert_uint_eq(a.folded, b.folded);
	if (cpu.serves)
		hand_over();
}

static void both_raise(void)
{
	ck_assert_uint_eq(vapic_lvt_raise(SERVED, VAPIC_LVT_THERMAL),
	                  vapic_lvt_raise(PLAIN, VAPIC_LVT_THERMAL));
	if (cpu.serves)
		hand_over();
}

static void compare(void)
{
	static const u16 bases[] = { 0x80, 0x100, 0x180, 0x200 };

	for (u32 i = 0; i < ARRAY_SIZE(bases); i++)
		for (u32 at = bases[i] / 4; at < (bases[i] == 0x80 ? 0x84 : bases[i] + 0x80) / 4u;
		     at += 4)
			WORLD_CHECK(SERVED->reg[at] == PLAIN->reg[at], "register %#x: %#x %#x",
			            at * 4, SERVED->reg[at], PLAIN->reg[at]);
	WORLD_CHECK(vapic_ppr(SERVED) == vapic_ppr(PLAIN), "PPR");
	WORLD_CHECK(vapic_apr(SERVED) == vapic_apr(PLAIN), "APR");
	if (!cpu.serves)
		return;
	WORLD_CHECK(cpu.rvi == top(0x200) && cpu.svi == top(0x100), "RVI %#x SVI %#x", cpu.rvi,
	            cpu.svi);
	WORLD_CHECK(vapic_interrupt_status(SERVED) == cpu.svi * 256u + cpu.rvi, "status");
}

static void enable(void)
{
	struct vapic_effects fx;

	world_init(&w, 3, false, 7);
	memset(&cpu, 0, sizeof(cpu));
	for (u32 i = 0; i < 3; i++) {
		drop(vapic_base_write(&w.mem[i], w.mem[i].base | 0x400));
		drop(vapic_msr_write(&w.mem[i], 0x80f, 0x1ff, 0, &fx));
		drop(vapic_msr_write(&w.mem[i], 0x833, 0x77, 0, &fx));
	}
}

START_TEST(as_the_model_alone)
{
	static void (*const steps[])(void) = {
		both_deliver, both_deliver, both_deliver, both_eoi,  both_eoi,  both_tpr,
		both_self,    both_post,    both_post,    both_pull, both_pull, both_raise
	};

	seed = (u64)_i * 77 + 5;
	enable();
	for (u32 n = 0; n < 3000; n++) {
		if (draw(40) == 0)
			serve(!cpu.serves);
		steps[draw(ARRAY_SIZE(steps))]();
		compare();
	}
}
END_TEST

/* ---- a TPR shadow alone ---- */

static struct {
	u32 threshold;
	bool look; /* PENDING_INTERRUPT */
	bool open; /* RFLAGS.IF of both */
} shadow;

/* hv/kernel/run/entry.c before an entry; then what the entry checks (SDM 3C, "VM-Execution Control
 * Fields"). */
static void shadow_enter(void)
{
	int v = shadow.look ? vapic_next(SERVED) : -1;

	if (shadow.look)
		shadow.threshold = v < 0 ? vapic_held_class(SERVED) : 0;
	if (v >= 0 && shadow.open)
		vapic_accept(SERVED, (u8)v);
	shadow.look = v >= 0 && !shadow.open; /* else a window */
	WORLD_CHECK(shadow.threshold <= SERVED->reg[0x80 / 4] / 16, "the entry fails");
	if (shadow.open)
		(void)model_deliver(PLAIN);
}

static void shadow_cr8(void)
{
	u32 class = draw(2) == 0 ? 0 : draw(16);

	SERVED->reg[0x80 / 4] = class << 4;
	shadow.look |= class < shadow.threshold; /* the exit */
	drop(vapic_cr8_write(PLAIN, class));
}

static void shadow_tpr(void)
{
	struct vapic_effects fx;
	u32 value = draw(256);

	shadow.look |= (vapic_msr_write(SERVED, 0x808, value, 0, &fx) & VAPIC_SELF) != 0;
	drop(vapic_msr_write(PLAIN, 0x808, value, 0, &fx));
}

static void shadow_self(void)
{
	u32 v = 16 + draw(240);
	struct vapic_effects fx;

	shadow.look |= (vapic_self_ipi(SERVED, v, &fx) & VAPIC_SELF) != 0;
	drop(vapic_self_ipi(PLAIN, v, &fx));
}

static void shadow_eoi(void)
{
	struct vapic_effects fx;

	shadow.look |= (vapic_eoi(SERVED, &fx) & VAPIC_SELF) != 0;
	drop(vapic_eoi(PLAIN, &fx));
}

/* IRR and TPR go: VAPIC_MODE wants a look as well. */
static void shadow_init(void)
{
	struct vapic_effects fx;

	if (draw(20) != 0)
		return;
	shadow.look |= (vapic_init(SERVED) & VAPIC_MODE) != 0;
	drop(vapic_init(PLAIN));
	for (u32 i = 0; i < 2; i++)
		drop(vapic_msr_write(&w.mem[i], 0x80f, 0x1ff, 0, &fx));
}

static void shadow_flag(void)
{
	shadow.open = !shadow.open;
}

/* CR8 falls without an exit but below the threshold: each interrupt comes as if each exited. */
START_TEST(a_threshold_is_enough)
{
	static void (*const steps[])(void) = { shadow_cr8,  shadow_cr8,  shadow_cr8, shadow_tpr,
		                               shadow_self, shadow_self, shadow_eoi, shadow_eoi,
		                               shadow_init, shadow_flag };

	seed = (u64)_i * 31 + 7;
	enable();
	memset(&shadow, 0, sizeof(shadow));
	for (u32 n = 0; n < 3000; n++) {
		steps[draw(ARRAY_SIZE(steps))]();
		shadow_enter();
		compare();
	}
}
END_TEST

/* The processor has stored what a guest wrote to its ID, which is read-only here. */
START_TEST(an_id_is_restored)
{
	struct vapic_effects fx;

	world_init(&w, 3, false, 7);
	w.mem[2].reg[0x20 / 4] = 0xabcdef01;
	ck_assert_uint_eq(vapic_apic_write(&w.mem[2], 0x20, 0, &fx), 0);
	ck_assert_uint_eq(w.mem[2].reg[0x20 / 4], 2u << 24);
}
END_TEST

/* What is open is what reg[] holds as RDMSR would give it, and three registers to write. */
START_TEST(open_msrs)
{
	u64 value;

	enable();
	for (u32 msr = 0; msr < 0x2000; msr++) {
		u32 serves = vapic_serves(msr);
		bool write = msr == 0x808 || msr == 0x80b || msr == 0x83f;

		ck_assert_uint_eq((serves & VAPIC_SERVES_WRITE) != 0, write);
		if (!(serves & VAPIC_SERVES_READ))
			continue;
		ck_assert_uint_eq(vapic_msr_read(SERVED, msr, 0, &value), 0);
		ck_assert_uint_eq(value, SERVED->reg[(msr - 0x800) * 4]);
	}
	for (u32 msr = 0x810; msr < 0x828; msr++)
		ck_assert_uint_eq(vapic_serves(msr), VAPIC_SERVES_READ);
	/* Computed, 64 bits wide, write-only, not there. */
	ck_assert_uint_eq(vapic_serves(0x80a), 0);
	ck_assert_uint_eq(vapic_serves(0x839), 0);
	ck_assert_uint_eq(vapic_serves(0x830), 0);
	ck_assert_uint_eq(vapic_serves(0x831), 0);
	ck_assert_uint_eq(vapic_serves(0x8ff), 0);
}
END_TEST

/* ---- posted interrupts ---- */

#define POSTERS 3
#define SENDS   4000u

static sem_t notifications;
static u64 all_posted, all_taken, all_notified;
static u32 posters_left;

static void *poster(void *arg)
{
	struct vapic *a = arg;
	u32 mine = a->index;

	for (u32 n = 0; n < SENDS; n++) {
		struct vapic_effects fx;
		u32 todo = vapic_icr_write64(a, 16 + (n * 37 + mine * 91) % 240, &fx);

		atomic_add(&all_posted, (u64)fx.sent.posted);
		if (todo & VAPIC_WAKE) {
			atomic_add(&all_notified, 1ull);
			sem_post(&notifications);
		}
	}
	atomic_add(&posters_left, ~0u);
	return NULL;
}

/* What the processor does with a notification: ON first, then PIR (SDM 3C). */
static void take_posted(struct vapic_mail *m)
{
	atomic_and(&m->on, ~1u);
	for (u32 i = 0; i < 4; i++)
		all_taken += bit_count(atomic_swap(&m->pir[i], 0));
}

/* Each vector that a sender was told is newly pending is taken; and nobody else need look. */
START_TEST(a_descriptor_among_threads)
{
	pthread_t thread[POSTERS];

	world_init(&w, POSTERS + 1, false, 7);
	for (u32 i = 0; i <= POSTERS; i++) {
		struct vapic_effects fx;

		drop(vapic_base_write(&w.mem[i], w.mem[i].base | 0x400));
		drop(vapic_msr_write(&w.mem[i], 0x80f, 0x1ff, 0, &fx));
	}
	all_posted = all_taken = all_notified = 0;
	posters_left = POSTERS;
	sem_init(&notifications, 0, 0);
	for (u32 i = 0; i < POSTERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, poster, &w.mem[i + 1]), 0);
	/* Only when told: what nobody announces stays, and is missed below. */
	for (;;) {
		u32 left = atomic_load(&posters_left);

		if (sem_trywait(&notifications) == 0)
			take_posted(&SERVED->mail);
		else if (left == 0)
			break;
		else
			sched_yield();
	}
	for (u32 i = 0; i < POSTERS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(all_taken, all_posted);
	ck_assert_uint_le(all_notified, all_posted);
	ck_assert_uint_eq(SERVED->mail.on, 0);
	for (u32 i = 0; i < 4; i++)
		ck_assert_uint_eq(SERVED->mail.pir[i], 0);
}
END_TEST

/* VT-x's names for the mailbox's first line: PIR 255:0, ON 256, SN 257, NV 279:272, NDST 319:288.
 */
START_TEST(the_mailbox_is_a_descriptor)
{
	u8 *line = (u8 *)&SERVED->mail;
	struct vapic_effects fx;

	enable();
	memset(line, 0, 64);
	drop(vapic_icr_write64(SENDER, 0x9d, &fx));
	for (u32 i = 0; i < 64; i++)
		ck_assert_uint_eq(line[i], i == 0x9d / 8 ? 1u << 0x9d % 8 : i == 32 ? 1 : 0);
	ck_assert_uint_eq((uintptr_t)line % 64, 0);
	/* What is no vector leaves the processor's part alone. */
	memset(line, 0, 64);
	drop(vapic_icr_write64(SENDER, 0x400, &fx));
	for (u32 i = 0; i < 40; i++)
		ck_assert_uint_eq(line[i], 0);
}
END_TEST

VAPIC_MAIN("vapic_hardware", { as_the_model_alone, 40 }, { a_threshold_is_enough, 40 },
           { an_id_is_restored, 1 }, { open_msrs, 1 }, { the_mailbox_is_a_descriptor, 1 },
           { a_descriptor_among_threads, 3 })
