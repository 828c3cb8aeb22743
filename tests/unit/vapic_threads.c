// SPDX-License-Identifier: MIT
/*
 * The delivery protocol among threads: several posters, one owner. Build with -fsanitize=thread
 * too.
 *
 * The owner is as stubborn as can be: once "in guest mode" it leaves only by a kick, once asleep
 * only by a wake. So a post whose wake is lost stops the test, which the alarm then reports. Each
 * poster stores a number before it posts and goes on only when the owner has handed it back, so
 * that a vector which overtakes its data stops the test too.
 */
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "tests/unit/vapic_main.h"

#define POSTERS 3u
#define ROUNDS  20000u
#define SHARED  0xd0u /* a vector that all post */

enum { OUT, IN_GUEST, BLOCKED, KICKED };

static struct world w;
static struct vapic *owner;
static sem_t asleep;
static u32 state, posters_left;
static u64 data[256], seen[256], shared_sum;
static u64 posted, coalesced, delivered, folded, nmis, kicks, wakes, quiet;

/* What a hypervisor does with what vapic_send() returns. */
static void act_on(u32 todo, const struct vapic_effects *fx)
{
	u32 old = IN_GUEST;

	if (todo & VAPIC_SENT) {
		atomic_add(&posted, (u64)fx->sent.posted);
		atomic_add(&coalesced, (u64)fx->sent.coalesced);
	}
	if (!(todo & VAPIC_WAKE)) {
		atomic_add(&quiet, 1ull);
		return;
	}
	/* The post was a locked instruction: the look at `state` cannot come before it. */
	switch (atomic_load(&state)) {
	case IN_GUEST:
		if (atomic_cas(&state, &old, (u32)KICKED))
			atomic_add(&kicks, 1ull);
		break;
	case BLOCKED:
		old = BLOCKED;
		if (atomic_cas(&state, &old, (u32)OUT)) {
			atomic_add(&wakes, 1ull);
			(void)sem_post(&asleep);
		}
		break;
	default:
		break;
	}
}

static void post(struct vapic *src, u32 mode, u32 vector)
{
	struct vapic_effects fx;
	u32 todo = vapic_icr_write64(src, (u64)owner->id << 32 | mode << 8 | vector, &fx);

	act_on(todo, &fx);
}

static void *poster(void *arg)
{
	u32 me = (u32)(size_t)arg;
	u32 vector = 0x30 + me * 0x31;

	for (u64 n = 1; n <= ROUNDS; n++) {
		u32 v = vector + (u32)(n % 3);

		atomic_store_relaxed(&data[v], n);
		post(&w.mem[me], VAPIC_DM_FIXED, v);
		atomic_add(&shared_sum, 1ull);
		post(&w.mem[me], VAPIC_DM_FIXED, SHARED);
		if (n % 64 == 0)
			post(&w.mem[me], VAPIC_DM_NMI, 0);
		while (atomic_load(&seen[v]) != n)
			(void)usleep(0);
	}
	/* The last word of each poster is a wake as well. */
	atomic_add(&posters_left, ~0u);
	post(&w.mem[me], VAPIC_DM_FIXED, SHARED);
	return NULL;
}

/* Takes all there is and hands the numbers back. */
static void handle(void)
{
	struct vapic_mailed m = vapic_pull(owner);
	struct vapic_effects fx;
	int v;

	folded += m.folded;
	nmis += (m.events & VAPIC_EV_NMI) != 0;
	while ((v = vapic_next(owner)) >= 0) {
		vapic_accept(owner, (u8)v);
		delivered++;
		if (v == SHARED)
			(void)atomic_swap(&shared_sum, 0);
		else
			atomic_store(&seen[v], atomic_load_relaxed(&data[v]));
		ck_assert_uint_eq(vapic_eoi(owner, &fx) & ~(u32)VAPIC_SELF, 0);
	}
}

/* Goes into `next` unless something is pending. True if it went, and came back by a post alone. */
static bool enter(u32 next)
{
	/* Barrier: the state is visible before the mailbox is looked at. Partner: act_on(). */
	atomic_store_fence(&state, next);
	if (vapic_pending(owner)) {
		u32 old = next;

		/* A poster that was faster has posted the semaphore already. */
		if (!atomic_cas(&state, &old, (u32)OUT) && next == BLOCKED)
			(void)sem_wait(&asleep);
		atomic_store(&state, (u32)OUT);
		return false;
	}
	if (next == BLOCKED) {
		while (sem_wait(&asleep) != 0)
			;
	} else {
		while (atomic_load(&state) != KICKED)
			(void)usleep(0);
	}
	atomic_store(&state, (u32)OUT);
	return true;
}

static void *run_owner(void *arg)
{
	(void)arg;
	for (u32 n = 0; atomic_load(&posters_left) != 0 || vapic_pending(owner); n++) {
		handle();
		if (atomic_load(&posters_left) != 0)
			(void)enter(n % 2 ? IN_GUEST : BLOCKED);
	}
	handle();
	return NULL;
}

START_TEST(nothing_is_lost)
{
	pthread_t thread[POSTERS + 1];

	(void)alarm(200);
	world_init(&w, POSTERS + 1, false, 7);
	world_enable(&w, ~0u);
	owner = &w.mem[POSTERS];
	posters_left = POSTERS;
	ck_assert_int_eq(sem_init(&asleep, 0, 0), 0);
	ck_assert_int_eq(pthread_create(&thread[POSTERS], NULL, run_owner, NULL), 0);
	for (size_t i = 0; i < POSTERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, poster, (void *)i), 0);
	for (u32 i = 0; i <= POSTERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	/* Each newly pending vector came out once; what met a vector in IRR is counted apart. */
	ck_assert_uint_eq(posted, delivered + folded + nmis);
	ck_assert_uint_eq(posted + coalesced, POSTERS * (2 * ROUNDS + ROUNDS / 64 + 1));
	ck_assert_uint_le(kicks + wakes + quiet, posted + coalesced);
	ck_assert(!vapic_pending(owner));
}
END_TEST

/* Each 0 to 1 of a burst reports exactly one wake, whoever of the posters it is. */
static u64 burst_wakes, burst_posted;
static pthread_barrier_t line;

static void *burst(void *arg)
{
	u32 me = (u32)(size_t)arg;

	for (u32 n = 0; n < 3000; n++) {
		(void)pthread_barrier_wait(&line);
		for (u32 v = 0x20; v < 0x28; v++) {
			struct vapic_effects fx;
			u32 todo = vapic_icr_write64(&w.mem[me], (u64)POSTERS << 32 | v, &fx);

			atomic_add(&burst_posted, (u64)fx.sent.posted);
			if (todo & VAPIC_WAKE)
				atomic_add(&burst_wakes, 1ull);
		}
		(void)pthread_barrier_wait(&line);
	}
	return NULL;
}

START_TEST(one_wake_each_burst)
{
	pthread_t thread[POSTERS];
	struct vapic *target;

	(void)alarm(200);
	world_init(&w, POSTERS + 1, false, 7);
	world_enable(&w, ~0u);
	target = &w.mem[POSTERS];
	ck_assert_int_eq(pthread_barrier_init(&line, NULL, POSTERS + 1), 0);
	for (size_t i = 0; i < POSTERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, burst, (void *)i), 0);
	for (u32 n = 0; n < 3000; n++) {
		struct vapic_mailed m;

		atomic_store(&burst_wakes, 0ull);
		atomic_store(&burst_posted, 0ull);
		(void)pthread_barrier_wait(&line);
		(void)pthread_barrier_wait(&line);
		ck_assert_uint_eq(atomic_load(&burst_wakes), 1);
		ck_assert_uint_eq(atomic_load(&burst_posted), 8);
		m = vapic_pull(target);
		ck_assert_uint_eq(m.folded, n == 0 ? 0 : 8);
	}
	for (u32 i = 0; i < POSTERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
}
END_TEST

/* Posters and owner at full speed: what is newly pending comes out exactly once. */
static void *flood(void *arg)
{
	u32 me = (u32)(size_t)arg;
	struct choices c = { .seed = me + 1 };

	for (u32 n = 0; n < 100000; n++) {
		struct vapic_effects fx;
		u64 low = 0x20 + choose(&c, 8) * 27;
		u32 todo = vapic_icr_write64(&w.mem[me], (u64)POSTERS << 32 | low, &fx);

		atomic_add(&posted, (u64)fx.sent.posted);
		atomic_add(&wakes, (u64)(todo & VAPIC_WAKE) / VAPIC_WAKE);
	}
	atomic_add(&posters_left, ~0u);
	return NULL;
}

START_TEST(flooded)
{
	pthread_t thread[POSTERS];
	u64 pulls = 0;

	(void)alarm(200);
	world_init(&w, POSTERS + 1, false, 7);
	world_enable(&w, ~0u);
	owner = &w.mem[POSTERS];
	posters_left = POSTERS;
	posted = wakes = delivered = folded = nmis = 0;
	for (size_t i = 0; i < POSTERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, flood, (void *)i), 0);
	while (atomic_load(&posters_left) != 0 || vapic_pending(owner)) {
		pulls += vapic_pending(owner);
		handle();
	}
	for (u32 i = 0; i < POSTERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(posted, delivered + folded);
	/* Nothing is pending but by a wake. */
	ck_assert_uint_le(pulls, wakes);
}
END_TEST

/* INIT and SIPI against each other: never a vector that nobody sent. */
static void *starter(void *arg)
{
	u32 me = (u32)(size_t)arg;

	for (u32 n = 0; n < 50000; n++) {
		struct vapic_effects fx;
		u64 dest = (u64)POSTERS << 32;
		u32 todo = vapic_icr_write64(&w.mem[me], dest | 0x500, &fx);

		todo |= vapic_icr_write64(&w.mem[me], dest | 0x600 | (me == 0 ? 0x0f : 0xf0), &fx);
		atomic_add(&posted, (u64)(todo & VAPIC_WAKE) / VAPIC_WAKE);
	}
	atomic_add(&posters_left, ~0u);
	return NULL;
}

START_TEST(init_and_sipi_race)
{
	pthread_t thread[2];

	(void)alarm(200);
	world_init(&w, POSTERS + 1, false, 7);
	world_enable(&w, ~0u);
	posters_left = 2;
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, starter, (void *)i), 0);
	while (atomic_load(&posters_left) != 0) {
		u32 events = vapic_pull(&w.mem[POSTERS]).events;
		u32 vector = VAPIC_EV_SIPI_VECTOR(events);

		if (events & VAPIC_EV_SIPI)
			ck_assert_msg(vector == 0x0f || vector == 0xf0, "SIPI %#x", vector);
	}
	for (u32 i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
}
END_TEST

VAPIC_MAIN("vapic_threads", { nothing_is_lost, 1 }, { one_wake_each_burst, 1 }, { flooded, 1 },
           { init_and_sipi_race, 1 })
