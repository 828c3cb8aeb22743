// SPDX-License-Identifier: MIT
/*
 * The mailbox's orders, every interleaving of two by force: each atomic operation of the one is a
 * point at which the other may run from beginning to end. What threads hit once in a million runs
 * happens here each time.
 */
#include "hv/base/atomic.h"

static void point(void);

/* Each atomic operation of the code below passes a point first. */
#undef atomic_load
#undef atomic_load_relaxed
#undef atomic_store
#undef atomic_store_relaxed
#undef atomic_store_fence
#undef atomic_swap
#undef atomic_or
#undef atomic_and
#undef atomic_cas
#define atomic_load(p)             (point(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define atomic_load_relaxed(p)     (point(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define atomic_store(p, v)         (point(), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_store_relaxed(p, v) (point(), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_store_fence(p, v)   ((void)atomic_swap(p, v))
#define atomic_swap(p, v)          (point(), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_or(p, v)            (point(), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define atomic_and(p, v)           (point(), __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))
#define atomic_cas(p, e, v)                                                                        \
	(point(),                                                                                  \
	 __atomic_compare_exchange_n((p), (e), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

#include "vapic/mail.c"

#include "tests/unit/vapic_main.h"

#define VECTOR 0x71u
#define OTHER  0x72u
#define FAR    0xe3u /* in another word */

static struct world w;
static struct vapic *owner;

static u32 countdown;
static void (*intruder)(void);

/* When its turn comes the intruder runs whole, and is not itself interrupted. */
static void point(void)
{
	void (*run)(void) = intruder;

	if (countdown == 0 || --countdown != 0)
		return;
	intruder = NULL;
	run();
}

/* Runs `main` with `in` at its n-th point. False: it has fewer points. */
static bool at_point(u32 n, void (*first)(void), void (*in)(void))
{
	bool reached;

	countdown = n;
	intruder = in;
	first();
	reached = countdown == 0;
	countdown = 0;
	return reached;
}

static void begin(void)
{
	countdown = 0;
	world_init(&w, 1, false, 7);
	world_enable(&w, ~0u);
	owner = &w.mem[0];
}

static bool in_irr(u32 vector)
{
	return (owner->reg[0x200 / 4 + vector / 32 * 4] >> vector % 32 & 1) != 0;
}

static bool in_mail(u32 vector)
{
	return (owner->mail.pir[vector / 64] >> vector % 64 & 1) != 0;
}

/* What each of the actors saw. */
static enum posted result[2];
static u32 pulls, events;

static void post_vector(void)
{
	result[0] = mail_post_vector(&owner->mail, VECTOR, false);
}

static void post_other(void)
{
	result[1] = mail_post_vector(&owner->mail, OTHER, true);
}

static void post_same(void)
{
	result[1] = mail_post_vector(&owner->mail, VECTOR, false);
}

static void post_far(void)
{
	result[1] = mail_post_vector(&owner->mail, FAR, false);
}

static void pull(void)
{
	pulls++;
	events |= vapic_pull(owner).events;
}

static void check_not_stuck(u32 vector, const char *where, u32 n)
{
	ck_assert_msg(in_irr(vector) || in_mail(vector), "%s, point %u: lost", where, n);
	if (in_mail(vector))
		ck_assert_msg(vapic_pending(owner), "%s, point %u: left behind unseen", where, n);
}

/* A post somewhere within a pull: in IRR afterwards, or a wake was reported for it. */
START_TEST(post_within_pull)
{
	static void (*const posts[])(void) = { post_vector, post_other, post_far };
	static const u32 vectors[] = { VECTOR, OTHER, FAR };
	u32 n;

	for (u32 k = 0; k < 3; k++) {
		u32 vector = vectors[k];

		for (n = 1;; n++) {
			begin();
			post_same();
			result[0] = result[1] = POSTED_TWICE;
			if (!at_point(n, pull, posts[k]))
				break;
			check_not_stuck(vector, "post in pull", n);
			if (in_mail(vector) && vector != VECTOR)
				ck_assert_int_eq(result[k != 0], POSTED_WAKE);
		}
		ck_assert_uint_gt(n, 5);
	}
}
END_TEST

/* A pull somewhere within a post: taken, or the poster answers for the next one. */
START_TEST(pull_within_post)
{
	u32 n;

	for (u32 pending = 0; pending < 2; pending++) {
		for (n = 1;; n++) {
			begin();
			if (pending)
				post_other();
			if (!at_point(n, post_vector, pull))
				break;
			check_not_stuck(VECTOR, "pull in post", n);
			if (in_mail(VECTOR))
				ck_assert_int_eq(result[0], POSTED_WAKE);
		}
		ck_assert_uint_gt(n, 2);
	}
}
END_TEST

/* Two posters, no pull: one wake, both vectors there. */
START_TEST(post_within_post)
{
	static void (*const posts[])(void) = { post_other, post_same, post_far };
	static const u32 vectors[] = { OTHER, VECTOR, FAR };

	for (u32 k = 0; k < 3; k++) {
		for (u32 n = 1;; n++) {
			begin();
			if (!at_point(n, post_vector, posts[k]))
				break;
			ck_assert(in_mail(VECTOR) && in_mail(vectors[k]));
			ck_assert_int_eq((result[0] == POSTED_WAKE) + (result[1] == POSTED_WAKE),
			                 1);
		}
	}
}
END_TEST

/* A sender that has seen the target enabled posts after it is disabled: ignored, and counted. */
START_TEST(post_after_disable)
{
	struct vapic_effects fx;
	struct vapic_mailed m;
	u32 todo;

	begin();
	todo = vapic_msr_write(owner, 0x80f, 0xff, 0, &fx);
	ck_assert_uint_eq(todo & VAPIC_GP, 0);
	post_vector();
	post_far();
	ck_assert_int_eq(result[0], POSTED_WAKE);
	m = vapic_pull(owner);
	ck_assert_uint_eq(m.events, VAPIC_EV_LOST);
	ck_assert_uint_eq(m.lost, 2);
	ck_assert(!in_irr(VECTOR) && !in_irr(FAR) && !in_mail(VECTOR) && !in_mail(FAR));
	ck_assert(!vapic_pending(owner));
	m = vapic_pull(owner);
	ck_assert_uint_eq(m.events, 0);
}
END_TEST

/* The caller's half: state and mailbox. */
enum { OUT, IN_GUEST };
static u32 state;
static bool kicked, entered;

static void post_and_look(void)
{
	post_vector();
	if (result[0] == POSTED_WAKE && atomic_load(&state) == IN_GUEST)
		kicked = true;
}

static void look_and_enter(void)
{
	atomic_store_fence(&state, (u32)IN_GUEST);
	entered = !vapic_pending(owner) && (point(), true);
	if (!entered)
		atomic_store(&state, (u32)OUT);
}

static void pull_look_and_enter(void)
{
	pull();
	look_and_enter();
}

/* Nobody is in guest mode with something in the mailbox and no kick on its way. */
START_TEST(entry_against_post)
{
	static void (*const entries[])(void) = { look_and_enter, pull_look_and_enter };

	for (u32 k = 0; k < 4; k++) {
		for (u32 n = 1;; n++) {
			void (*entry)(void) = entries[k % 2];

			begin();
			state = OUT;
			kicked = entered = false;
			if (!(k < 2 ? at_point(n, entry, post_and_look)
			            : at_point(n, post_and_look, entry)))
				break;
			ck_assert_msg(!entered || kicked || !in_mail(VECTOR), "point %u of %u: %s",
			              n, k, "asleep on it");
		}
	}
}
END_TEST

static void post_init(void)
{
	result[0] = mail_post_event(&owner->mail, VAPIC_EV_INIT);
}

static void post_sipi(void)
{
	result[0] = mail_post_event(&owner->mail, VAPIC_EV_SIPI | 0x1200);
}

static void post_sipi_later(void)
{
	result[1] = mail_post_event(&owner->mail, VAPIC_EV_SIPI | 0xed00);
}

static void post_nmi(void)
{
	result[1] = mail_post_event(&owner->mail, VAPIC_EV_NMI);
}

/* Events: each posted one is seen by a pull; SIPI vectors never mix. */
START_TEST(events_against_each_other)
{
	static void (*const firsts[])(void) = { post_init, post_sipi, pull };
	static void (*const ins[])(void) = { post_sipi_later, post_nmi, pull };

	for (u32 k = 0; k < 9; k++) {
		for (u32 n = 1;; n++) {
			u32 vector;

			begin();
			events = 0;
			post_nmi();
			if (!at_point(n, firsts[k / 3], ins[k % 3]))
				break;
			pull();
			ck_assert(!vapic_pending(owner));
			ck_assert((events & VAPIC_EV_NMI) != 0 || k / 3 == 0); /* INIT wipes it */
			ck_assert((events & VAPIC_EV_INIT) != 0 || k / 3 != 0);
			ck_assert((events & VAPIC_EV_SIPI) != 0 || (k / 3 != 1 && k % 3 != 0) ||
			          (k / 3 == 0 && k % 3 == 0));
			vector = VAPIC_EV_SIPI_VECTOR(events);
			if (events & VAPIC_EV_SIPI)
				ck_assert_msg(vector == 0x12 || vector == 0xed, "SIPI %#x", vector);
		}
	}
}
END_TEST

VAPIC_MAIN("vapic_interleave", { post_within_pull, 1 }, { pull_within_post, 1 },
           { post_within_post, 1 }, { post_after_disable, 1 }, { entry_against_post, 1 },
           { events_against_each_other, 1 })
