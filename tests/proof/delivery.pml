/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's side of delivery for Spin: hv/kernel/ipi/notify.c, hv/kernel/sched/sched.c and hv/kernel/run/entry.c on a machine
 * with the store buffers of x86 (TSO). models.t runs it; mailbox.pml has the mailbox in detail and a
 * variant in which a wake may migrate the vCPU.
 *
 * Cores own run queues; vCPUs are pinned, so that no wake chooses a core. Guests post to each other,
 * posters stand for cores that only send, each also sends a request as vm_pause() does. The names of
 * inlines are those of the functions that they stand for. What is proven, over all interleavings:
 *
 *   - when nothing moves any more, every vector and request has been taken, and its data seen:
 *     no wake-up is lost, neither by a post nor by a request nor by a wake stack;
 *   - a vCPU is queued only while it is in no queue, on its own core, and not running.
 *
 * A guest in guest mode stays there until a kick, or until its slice ends because somebody waits;
 * a core that idles stays so until a kick. Nothing else ever comes to help.
 *
 * One macro takes one order away; with it the search must find an error:
 *
 *   POST_UNLOCKED   vapic/mail.h, mail_post_vector: `bts` without lock, no fence before the look
 *   REQUEST_LATE    hv/kernel/vm/vm.c, request_all: looks at the target before the request stands
 *   ENTER_UNFENCED  hv/kernel/run/entry.c, publish: state is stored by MOV, not XCHG
 *   ENTER_BLIND     hv/kernel/run/entry.c, vcpu_enter_guest: no look at the mailbox after publish
 *   BLOCK_UNFENCED  hv/kernel/sched/sched.c, sched_block: state is stored by MOV, not XCHG
 *   BLOCK_BLIND     hv/kernel/sched/sched.c, sched_block: no look at the mailbox
 *   BLOCK_DEAF      hv/kernel/sched/sched.c, sched_block: looks at the mailbox, not at `requests`
 *   CLAIM_UNLOCKED  hv/kernel/sched/sched.c, claim_sleeper: a load and a store instead of the exchange
 *   PUSH_UNLOCKED   hv/kernel/sched/sched.c, push_woken: likewise
 *   NEXT_LATE       hv/kernel/sched/sched.c, push_woken: wake_next is written after the exchange
 *   TAKE_UNLOCKED   hv/kernel/sched/sched.c, take_wakes: a load and a store instead of the exchange
 *   PUSH_SILENT     hv/kernel/sched/sched.c, sched_notify: nobody kicks for a stack that was empty
 *   KICK_DROPPED    hv/kernel/exit/cpu.c, exit_external_interrupt: goes back without publish and look
 *   RESUME_AS_HOST  hv/kernel/run/entry.c, vcpu_resume_guest where RUN_HOST stands: the fast path after ring 3
 *
 * and two that change nothing, so that they may stay as cheap as they are:
 *
 *   HOST_FENCED     RUN_HOST stored by XCHG: MOV is enough, a late RUN_HOST costs a kick at most
 *   KICK_WAITS      the kick waits for the store buffer (MFENCE): the post has emptied it already
 */
#ifndef CORES
#define CORES 1
#endif
#ifndef VCPUS
#define VCPUS 1
#endif
#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef ROUNDS          /* messages of each poster; it goes round the vCPUs */
#define ROUNDS 2
#endif
#ifndef GUEST_SENDS     /* messages of each guest, to the next one */
#define GUEST_SENDS 0
#endif
#ifndef REQUESTS        /* whether the first poster sends one to each vCPU */
#define REQUESTS 1
#endif
#ifndef TIMERS          /* sleeps that a timer ends */
#define TIMERS 0
#endif

#define SENDERS (CORES + POSTERS) /* who has a store buffer */
#define DEPTH   2                 /* of a store buffer */
#define NOBODY  255
#define CORE(v) ((v) % CORES)

/* RUN_* of hv/kernel/vcpu/vcpu.h, and the bits of a mailbox: one vector for each sender. */
#define HOST    0
#define GUEST   1
#define BLOCKED 2
#define BIT(s)  (1 << (s))

/* ---- memory, with a store buffer for each sender ---- */

#define STATE(v)   (v)
#define ON(v)      (VCPUS + (v))
#define PIR(v)     (2 * VCPUS + (v))
#define REQUEST(v) (3 * VCPUS + (v))
#define NEXT(v)    (4 * VCPUS + (v))
#define WOKEN(c)   (5 * VCPUS + (c))                 /* vCPU + 1, 0: empty */
#define DATA(s, v) (5 * VCPUS + CORES + (s) * VCPUS + (v))
#define WORDS      (5 * VCPUS + CORES + SENDERS * VCPUS)

byte memory[WORDS];
byte buffered[SENDERS];
byte where[SENDERS * DEPTH];
byte what[SENDERS * DEPTH];

#define SLOT(s, n) ((s) * DEPTH + (n))

inline store(writer, address, value)
{
	d_step {
		buffered[writer] < DEPTH;
		where[SLOT(writer, buffered[writer])] = address;
		what[SLOT(writer, buffered[writer])] = value;
		buffered[writer]++
	}
}

/* The youngest store of one's own, else memory. */
#define IN_BUFFER(s, n, address) (buffered[s] > (n) && where[SLOT(s, n)] == (address))
#define SEEN(s, address)                                                                           \
	(IN_BUFFER(s, 1, address) -> what[SLOT(s, 1)] :                                            \
	 (IN_BUFFER(s, 0, address) -> what[SLOT(s, 0)] : memory[address]))

/* Before a locked instruction: the buffer has drained. */
#define DRAINED(s) (buffered[s] == 0)

inline drain(writer)
{
	d_step {
		buffered[writer] > 0;
		memory[where[SLOT(writer, 0)]] = what[SLOT(writer, 0)];
		where[SLOT(writer, 0)] = where[SLOT(writer, 1)];
		what[SLOT(writer, 0)] = what[SLOT(writer, 1)];
		where[SLOT(writer, 1)] = 0;
		what[SLOT(writer, 1)] = 0;
		buffered[writer]--;
		if
		:: buffered[writer] == 0 -> where[SLOT(writer, 0)] = 0; what[SLOT(writer, 0)] = 0
		:: else
		fi
	}
}

active proctype Buffers()
{
end_drained:
	do
	:: drain(0)
	:: drain(1)
#if CORES + POSTERS > 2
	:: drain(2)
#endif
#if CORES + POSTERS > 3
	:: drain(3)
#endif
	od
}

/* ---- what is not shared memory ---- */

bool kicked[CORES];        /* pending in the core's own APIC */
bool ready[VCPUS];         /* in its core's queue */
byte current[CORES];       /* NOBODY while idle */
bool halted[VCPUS];
bool due[VCPUS];           /* pulled, not yet injected */
bool asked[VCPUS];         /* the request was taken */
byte sent[SENDERS * VCPUS];
byte taken[SENDERS * VCPUS];
byte done;                 /* posters */
byte guest_sends;          /* left; cores' own, one word for fewer states */
byte timers = TIMERS;

#define PAIR(s, v) ((s) * VCPUS + (v))
#define WAITING(c) (ready[c] || (VCPUS > CORES && ready[VCPUS - 1] && CORE(VCPUS - 1) == c))

/* ---- hv/kernel/sched/sched.c: waking ---- */

inline wake_one(home, who)
{
	d_step {
		assert(!ready[who]);
		assert(CORE(who) == home && current[home] != who);
		ready[who] = true
	}
}

inline claim_sleeper(from, who, won)
{
#ifdef CLAIM_UNLOCKED
	won = SEEN(from, STATE(who)) == BLOCKED;
	if
	:: won -> store(from, STATE(who), HOST)
	:: else
	fi
#else
	d_step {
		DRAINED(from);
		won = memory[STATE(who)] == BLOCKED;
		if
		:: won -> memory[STATE(who)] = HOST
		:: else
		fi
	}
#endif
}

inline lapic_send(from, home)
{
#ifdef KICK_WAITS
	d_step { DRAINED(from); kicked[home] = true }
#else
	kicked[home] = true
#endif
}

/* head is 0 afterwards if the stack was empty. */
inline push_woken(from, home, who, head)
{
	head = SEEN(from, WOKEN(home));
	do
	:: true ->
#ifndef NEXT_LATE
		store(from, NEXT(who), head);
#endif
#ifdef PUSH_UNLOCKED
		store(from, WOKEN(home), who + 1);
		break
#else
		d_step {
			DRAINED(from);
			if
			:: memory[WOKEN(home)] == head -> memory[WOKEN(home)] = who + 1; won = true
			:: else -> head = memory[WOKEN(home)]; won = false
			fi
		}
		if
		:: won -> break
		:: else
		fi
#endif
	od;
#ifdef NEXT_LATE
	store(from, NEXT(who), head);
#endif
	won = false
}

/* `own` is the queue of the core that runs this, NOBODY for a poster. */
inline sched_notify(me, own, target)
{
	look = SEEN(me, STATE(target));
	if
	:: look == GUEST -> lapic_send(me, CORE(target))
	:: look == BLOCKED ->
		claim_sleeper(me, target, won);
		if
		:: won && CORE(target) == own ->
			won = false;
			wake_one(CORE(target), target)
		:: won && CORE(target) != own ->
			push_woken(me, CORE(target), target, look);
			if
#ifndef PUSH_SILENT
			:: look == 0 -> lapic_send(me, CORE(target))
#endif
			:: else
			fi
		:: else
		fi
	:: else
	fi;
	look = 0
}

/* One at a time; the owner alone pops, so that a head that is still there has the same successor. */
inline take_wakes(core, woken, head)
{
	head = SEEN(core, WOKEN(core));
	do
	:: head != 0 ->
		woken = SEEN(core, NEXT(head - 1));
#ifdef TAKE_UNLOCKED
		store(core, WOKEN(core), woken);
		wake_one(core, head - 1);
		head = SEEN(core, WOKEN(core))
#else
		d_step {
			DRAINED(core);
			if
			:: memory[WOKEN(core)] == head -> memory[WOKEN(core)] = woken; won = true
			:: else -> won = false
			fi
		}
		if
		:: won -> won = false; wake_one(core, head - 1)
		:: else
		fi;
		head = SEEN(core, WOKEN(core))
#endif
	:: else -> break
	od;
	woken = 0
}

/* ---- vapic/mail.h, vapic/mail.c ---- */

/* deliver(): what the guest stored, the post, the look at who has to be looked at. */
inline deliver(self, mine, to)
{
	d_step { sent[PAIR(self, to)]++; look = sent[PAIR(self, to)] }
	store(self, DATA(self, to), look);
	look = 0;
#ifdef POST_UNLOCKED
	won = (SEEN(self, PIR(to)) & BIT(self)) == 0;
	if
	:: won ->
		look = SEEN(self, PIR(to));
		look = look | BIT(self);
		store(self, PIR(to), look);
		look = 0;
		won = SEEN(self, ON(to)) == 0;
		store(self, ON(to), 1)
	:: else
	fi;
#else
	d_step {
		DRAINED(self);
		won = (memory[PIR(to)] & BIT(self)) == 0;
		memory[PIR(to)] = memory[PIR(to)] | BIT(self)
	}
	if
	:: won -> d_step { DRAINED(self); won = memory[ON(to)] == 0; memory[ON(to)] = 1 }
	:: else
	fi;
#endif
	if
	:: won -> won = false; sched_notify(self, mine, to)
	:: else
	fi
}

/* The owner's. The handler sees what was stored before the post. */
inline vapic_pull(core, mine)
{
	d_step { DRAINED(core); memory[ON(mine)] = 0 }
	d_step { DRAINED(core); look = memory[PIR(mine)]; memory[PIR(mine)] = 0 }
	d_step {
		if
		:: look != 0 -> due[mine] = true
		:: else
		fi;
		if
		:: look & BIT(0) -> taken[PAIR(0, mine)] = memory[DATA(0, mine)]
		:: else
		fi;
		if
		:: look & BIT(1) -> taken[PAIR(1, mine)] = memory[DATA(1, mine)]
		:: else
		fi;
#if CORES + POSTERS > 2
		if
		:: look & BIT(2) -> taken[PAIR(2, mine)] = memory[DATA(2, mine)]
		:: else
		fi;
#endif
#if CORES + POSTERS > 3
		if
		:: look & BIT(3) -> taken[PAIR(3, mine)] = memory[DATA(3, mine)]
		:: else
		fi;
#endif
		look = 0
	}
}

/* ---- a core that only sends, and root's requests ---- */

proctype Poster(byte s)
{
	byte v, n, look;
	bool won;

	do
	:: n < ROUNDS ->
		v = (s + n) % VCPUS;
		deliver(s, NOBODY, v);
		n++
	:: else -> break
	od;
	/* The first of them is root, and pauses the VM: request_all(). */
	if
	:: s == CORES && REQUESTS ->
		v = 0;
		do
		:: v < VCPUS ->
#ifdef REQUEST_LATE
			sched_notify(s, NOBODY, v);
			d_step { DRAINED(s); memory[REQUEST(v)] = 1 }
#else
			d_step { DRAINED(s); memory[REQUEST(v)] = 1 }
			sched_notify(s, NOBODY, v);
#endif
			v++
		:: else -> break
		od
	:: else
	fi;
	done++
}

/* ---- a core that runs vCPUs ---- */

inline store_host(core, mine)
{
#ifdef HOST_FENCED
	d_step { DRAINED(core); memory[STATE(mine)] = HOST }
#else
	store(core, STATE(mine), HOST)
#endif
}

inline look_at_mail(core, mine)
{
	look = SEEN(core, ON(mine));
	look = look | SEEN(core, REQUEST(mine))
}

proctype Core(byte c)
{
	byte v, w, look;
	bool won;

pick:	/* hv/kernel/sched/sched.c */
	take_wakes(c, w, look);
	if	/* take_timers */
	:: timers > 0 ->
		w = c;
		if
		:: SEEN(c, STATE(w)) == BLOCKED ->
			timers--;
			claim_sleeper(c, w, won);
			if
			:: won -> won = false; wake_one(c, w)
			:: else
			fi
		:: else
		fi;
		w = 0
	:: true
	fi;
	if	/* choose: in any order */
	:: ready[c] -> v = c
	:: VCPUS > CORES && CORE(VCPUS - 1) == c && ready[VCPUS - 1] -> v = VCPUS - 1
	:: !WAITING(c) ->
end_idle:	/* core_idle: STI; HLT */
		kicked[c];
		kicked[c] = false;
		goto pick
	fi;
	d_step { ready[v] = false; current[c] = v }

vcpu_run:	/* hv/kernel/run/entry.c */
	skip;
	store_host(c, v);
	if
	:: SEEN(c, REQUEST(v)) != 0 ->
		d_step { DRAINED(c); memory[REQUEST(v)] = 0; asked[v] = true }
	:: else
	fi;
	if
	:: SEEN(c, ON(v)) != 0 -> vapic_pull(c, v)
	:: else
	fi;
	d_step {
		if	/* end_halt */
		:: due[v] || asked[v] -> halted[v] = false
		:: else
		fi
	}
	if
	:: WAITING(c) ->	/* sched_preempt */
		d_step { current[c] = NOBODY; assert(!ready[v]); ready[v] = true }
		v = 0;
		goto pick
	:: true
	fi;
	if
	:: halted[v] -> goto block
	:: !halted[v] ->	/* thread_resume: ring 3, with interrupts on */
		if
		:: kicked[c] ->
			kicked[c] = false;	/* `interrupted` in hv/kernel/run/syscall.c */
			take_wakes(c, w, look)
		:: true
		fi;
#ifdef RESUME_AS_HOST
		goto resume
#endif
	:: !halted[v]
	fi;

enter:	/* vcpu_enter_guest */
	skip;
#ifdef ENTER_UNFENCED
	store(c, STATE(v), GUEST);
#else
	d_step { DRAINED(c); memory[STATE(v)] = GUEST }
#endif
#ifndef ENTER_BLIND
	look_at_mail(c, v);
	if
	:: look != 0 ->
		look = 0;	/* resume_with_mail */
		store_host(c, v);
		if
		:: SEEN(c, REQUEST(v)) != 0 -> goto vcpu_run
		:: else
		fi;
		vapic_pull(c, v);
		goto enter
	:: else
	fi;
#endif

resume:	/* vmx_enter, with what is due; exits that go straight back are the same place */
	due[v] = false;
	if
	:: guest_sends > 0 ->	/* exit_wrmsr: the guest's ICR; vcpu_resume_guest */
		guest_sends--;
		w = (v + 1) % VCPUS;
		deliver(c, c, w);
		w = 0;
		if
		:: WAITING(c) -> goto vcpu_run	/* ATTEND_RUN */
		:: else -> goto resume
		fi
	:: true ->	/* exit_hlt */
		halted[v] = true;
		goto vcpu_run
	:: true ->
end_guest:	/* in guest mode, for as long as it takes */
		if
		:: kicked[c] ->	/* exit_external_interrupt */
			kicked[c] = false;
#ifdef KICK_DROPPED
			goto resume
#else
			if
			:: SEEN(c, WOKEN(c)) == 0 -> goto enter
			:: else ->
				take_wakes(c, w, look);
				goto vcpu_run
			fi
#endif
		:: WAITING(c) -> goto vcpu_run	/* the slice ends */
		fi
	fi;

block:	/* sched_block */
	skip;
#ifdef BLOCK_UNFENCED
	store(c, STATE(v), BLOCKED);
#else
	d_step { DRAINED(c); memory[STATE(v)] = BLOCKED }
#endif
#ifndef BLOCK_BLIND
#ifdef BLOCK_DEAF
	look = SEEN(c, ON(v));
#else
	look_at_mail(c, v);
#endif
	if
	:: look != 0 ->
		look = 0;
		claim_sleeper(c, v, won);
		if
		:: won -> won = false; goto vcpu_run
		:: else
		fi
	:: else
	fi;
#endif
	d_step { current[c] = NOBODY; v = 0 }
	goto pick
}

/* Runs when nothing else can. */
proctype Judge()
{
	byte n;

	timeout;
	assert(done == POSTERS);
	do
	:: n < SENDERS * VCPUS -> assert(taken[n] == sent[n]); n++
	:: else -> break
	od;
	n = 0;
	do
	:: n < VCPUS -> assert(asked[n] == REQUESTS && !due[n]); n++
	:: else -> break
	od
}

/* sched_add: every vCPU begins as one that has been woken. */
init {
	byte n;

	atomic {
		guest_sends = GUEST_SENDS;
		do
		:: n < VCPUS -> ready[n] = true; n++
		:: else -> break
		od;
		n = 0;
		do
		:: n < CORES -> current[n] = NOBODY; run Core(n); n++
		:: else -> break
		od;
		do
		:: n < SENDERS -> run Poster(n); n++
		:: else -> break
		od;
		n = 0;
		run Judge()
	}
}
