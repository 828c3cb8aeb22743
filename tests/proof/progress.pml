/* SPDX-License-Identifier: MIT */
/*
 * Ring 0 comes to an end, for Spin: the run loop and the entry of hv/kernel/run/entry.c, the queue
 * of hv/kernel/sched/sched.c, the flush of hv/kernel/pv/pv_flush.c, and an adversary on other cores
 * that posts and requests without end. Memory is in order here; delivery.pml has its barriers.
 *
 * One core has the vCPU V, at which all is aimed, and a neighbour N of another VM, which sleeps and
 * is woken from elsewhere. Names are those of the functions that the inlines stand for. What is
 * proven, where every process that can go on does at some time (weak fairness):
 *
 *   guest      V is entered again and again, whatever comes meanwhile
 *   works      and without a kick pending there, so that it executes more than nothing; its
 *              own timer, which has a floor, apart (TIMES=0)
 *   open       the core comes to a place where interrupts are taken: guest, window, idle
 *   neighbour  N runs after each wake
 *   mail, asked, flushed   what was posted to V, or asked of it, is taken
 *   and without fairness: no guest instruction uses a translation after the FLUSH_TLB that drops it
 *     has returned
 *
 * Settings beside the plain one:
 *
 *   HALTS      V may halt with interrupts off, so that posts wake it for nothing: without guest
 *   PROMPT     a kick comes with its sender's look at the state, not at a moment of its choice: for
 *              works, since one that is under way may always hit the one entry it must not
 *   DEAF       no interrupt is let into guest mode (docs/caveats.md): V leaves it by its watch alone
 *
 * One macro takes one rule away; with it the search must find an error:
 *
 *   NO_LIMIT   entry.c, may_turn: an entry turns back however often something came
 *   NO_POLL    run.c, vcpu_run: does not begin with sched_poll
 *   NO_WINDOW  sched.c, sched_poll and pick: no window for interrupts
 *   NO_FLUSH   entry.c, may_wait: a flush is left for the next exit like other requests
 *   FLUSH_LATE the same: the order is taken, so that its sender goes on, and carried out later
 *   LOOK_ONCE  entry.c, resume_with_mail: no look at the requests after RUN_HOST stood for the mail
 *   NO_BRIEF   entry.c, enter_briefly: a kick of its own for what is left behind, as RUN_GUEST
 *   NO_DRAIN   entry.c, enter_briefly: no window, so that kicks under way come in at once
 *   NO_STORM   cpu.c, exit_external_interrupt: kicks are not counted
 *   NO_END     entry.c, enter_briefly: no timer for what is left behind
 *   LENGTHENED deadline.c, vcpu_set_deadline: a guest that arms its timer moves that one's end
 *   NO_TIMER   entry.c, take_deadline: a deadline that is past again does not end guest mode
 *   NO_LEAST   queue.c, queue_yield_at: whoever has the core may have to give way before it has run
 *   IN_ORDER   queue.c, queue_choose: V is chosen whenever it is ready
 */
#ifndef STORM /* kicks after which V is entered briefly: 1,024 */
#define STORM 2
#endif
#ifndef WINDOW_AFTER /* rounds of the loop */
#define WINDOW_AFTER 2
#endif
/* Who is there: with less, fewer states, and nothing that helps by chance. */
#ifndef POSTS
#define POSTS 1
#endif
#ifndef FLUSHES
#define FLUSHES 1
#endif
#ifndef WAKES
#define WAKES 1
#endif
#ifndef TIMES
#define TIMES 1
#endif

/* RUN_* of hv/kernel/vcpu/vcpu.h. */
mtype = { HOST, GUEST, BLOCKED, BRIEF };

/* Bits of the wake stack: who is in it. */
#define V 1
#define N 2

mtype state = HOST;  /* of V */
bool asleep = true;  /* N may be claimed */
bool on;             /* V's mailbox */
bool kick;           /* V's requests: REQUEST_KICK and others that guests send without end */
bool flush;          /* REQUEST_FLUSH */
byte woken;          /* the core's wake stack */
bool kicked;         /* pending in the core's own APIC */
bool past;           /* V's deadline is: its own APIC timer, as short as it can be */
bool over;           /* V's slice is, N being ready */
bool ready_v, ready_n;
bool ran;            /* V was entered in this turn, or had nothing to run */

bool old;            /* V's TLB may hold what the last FLUSH_TLB is to drop */
bool returned;       /* that FLUSH_TLB has */

/* Places, for the formulas. */
bool in_guest, interrupts_on, wanted, working;

#define REQUESTS (kick || flush)
#define DEADLINE (past || over)

ltl guest { []<> in_guest }
ltl works { []<> working }
ltl open { []<> (in_guest || interrupts_on) }
ltl neighbour { [] (wanted -> <> !wanted) }
ltl mail { []<> !on }
ltl asked { []<> !kick }
ltl flushed { []<> !flush }

/* ---- other cores ---- */

/* True: the stack was empty, and who finds it so kicks. */
inline push_woken(who)
{
	if
	:: atomic { woken == 0 -> woken = who }
	   kicked = true
	:: atomic { woken != 0 -> woken = woken | who }
	fi
}

inline sched_notify()
{
	if
#ifdef PROMPT
	:: atomic { state == GUEST -> kicked = true }
#else
	:: state == GUEST -> kicked = true
#endif
	:: atomic { state == BLOCKED -> state = HOST }
	   push_woken(V)
	:: atomic { (state == HOST || state == BRIEF) -> skip }
	fi
}

/* Posts and requests: who finds the bit clear answers for it. */
#if POSTS
active proctype Adversary()
{
	do
	:: atomic { !on -> on = true }
	   sched_notify()
	:: atomic { !kick -> kick = true }
	   sched_notify()
	od
}
#endif

/* pv_flush_tlb on another core, again and again. */
#if FLUSHES
active proctype Flusher()
{
	do
	:: d_step { old = true; returned = false }
	   flush = true;
	   if
	   :: state == GUEST -> kicked = true
	   :: else
	   fi;
	   !((state == GUEST || state == BRIEF) && flush); /* may_use_old */
	   d_step { returned = true; assert(!(in_guest && old)) }
	od
}
#endif

/* Wakes the neighbour whenever it sleeps. */
#if WAKES
active proctype Waker()
{
	do
	:: atomic { asleep -> asleep = false; wanted = true }
	   push_woken(N)
	od
}
#endif

/* V's own APIC timer, as short as can be: due whenever it was set. */
#if TIMES
active proctype Timer()
{
	do
	:: atomic { !past -> past = true }
	od
}
#endif

/* queue_yield_at: V has to give way some time after it was entered. */
active proctype Slice()
{
	do
#ifdef NO_LEAST
	:: atomic { ready_n && !over -> over = true }
#else
	:: atomic { ready_n && ran && !over -> over = true }
#endif
	od
}

/* ---- the core ---- */

/* core_window: a kick that is pending comes in. */
inline open_window()
{
#ifndef NO_WINDOW
	interrupts_on = true;
	kicked = false;
	interrupts_on = false;
#endif
	rounds = 0
}

inline take_wakes()
{
	d_step {
		ready_v = ready_v || (woken & V);
		ready_n = ready_n || (woken & N);
		woken = 0
	}
}

inline sched_poll()
{
	if
	:: rounds >= WINDOW_AFTER -> open_window()
	:: else -> rounds++
	fi;
	take_wakes()
}

inline pv_flush_own()
{
	old = false
}

inline take_requests()
{
	d_step {
		got = flush;
		halted = halted && !kick; /* end_halt */
		flush = false;
		kick = false
	}
	if
	:: got -> pv_flush_own()
	:: else
	fi;
	got = false
}

#ifdef NO_LIMIT
#define MAY_TURN true
#else
#define MAY_TURN !turned
#endif

active proctype Core()
{
	byte rounds;
	bool turned, halted, look, got, last_v, left, brief, storm;
	byte kicks;

	ready_v = true;
pick:
	open_window();
	sched_poll();
	if
#ifdef IN_ORDER
	:: ready_v
#else
	:: ready_v && (!ready_n || !last_v)
#endif
		-> d_step { ready_v = false; last_v = true; ran = false }
		goto vcpu_run
	:: ready_n && (!ready_v || last_v) ->
		d_step { ready_n = false; last_v = false; over = false; wanted = false }
		interrupts_on = true; /* its guest */
		interrupts_on = false;
		asleep = true;
		goto pick
	:: !ready_v && !ready_n -> /* core_idle */
		interrupts_on = true;
		kicked;
		d_step { kicked = false; interrupts_on = false }
		goto pick
	fi;

vcpu_run:
	state = HOST;
	brief = false;
#ifndef NO_POLL
	sched_poll();
#endif
	past = false; /* take_time, which sets it anew */
	take_requests();
	on = false; /* vcpu_take_mail */
	if
	:: ready_n && over -> /* sched_preempt */
		d_step { ready_v = true; over = false }
		goto pick
	:: else
	fi;
	if
	:: halted -> goto sched_block
	:: else
	fi;

	/* vcpu_enter_guest */
publish:
	state = GUEST;
	if
	:: on || REQUESTS -> goto resume_with_mail
	:: else -> goto attend
	fi;

resume_with_mail:
#ifdef LOOK_ONCE
	look = REQUESTS;
#endif
	if
	:: !REQUESTS ->
		state = HOST;
		on = false;
		state = GUEST
	:: else
	fi;
#ifndef LOOK_ONCE
	look = on || REQUESTS;
#endif
	if
	:: look && MAY_TURN -> /* not may_wait */
		d_step { state = HOST; turned = true; look = false }
		goto vcpu_run
	:: look && !(MAY_TURN) -> /* may_wait */
		look = false;
#if defined(FLUSH_LATE)
		d_step { left = flush; flush = false }
#elif !defined(NO_FLUSH)
		d_step { got = flush; flush = false }
		if
		:: got -> pv_flush_own()
		:: else
		fi;
		got = false;
#endif
		goto enter_briefly
	:: else
	fi;
	goto attend;

enter_briefly:
	skip;
	d_step { storm = false; turned = true }
#ifdef NO_BRIEF
	kicked = true;
#else
	state = BRIEF;
#ifndef NO_DRAIN
	open_window();
#endif
	take_wakes();
#ifndef NO_END
	brief = true;
#endif
#endif

attend:
	if
#ifndef NO_STORM
	:: storm -> goto enter_briefly
#endif
	:: !storm && DEADLINE && MAY_TURN -> /* take_deadline */
		turned = true;
		goto vcpu_run
	:: else
	fi;
	turned = false;

	/* vmx_enter: with a deadline that is past, or a kick, it exits at once. */
enter:
	skip;
	d_step {
		in_guest = true;
		ran = true;
		working = !kicked;
		assert(!(old && returned))
	}
	working = false;
	if
	:: left -> d_step { left = false; old = false }
	:: else
	fi;
	if
#ifdef DEAF
	:: true -> /* its watch */
		in_guest = false;
		goto vcpu_run
#else
	:: kicked ->
		d_step { kicked = false; in_guest = false }
		goto kick_came
	:: !kicked && !DEADLINE -> /* an exit that goes straight back */
		in_guest = false;
#ifdef LENGTHENED
		brief = false;
#endif
		goto resume
#endif
#ifndef NO_TIMER
	:: DEADLINE || brief ->
		in_guest = false;
		goto vcpu_run
#endif
#ifdef HALTS
	:: !kicked && !DEADLINE -> /* exit_hlt */
		d_step { in_guest = false; halted = true }
		goto vcpu_run
#endif
	fi;

kick_came: /* fast_external_interrupt, exit_external_interrupt */
	kicks = (kicks < STORM -> kicks + 1 : 1);
	if
	:: kicks < STORM && woken == 0 && !REQUESTS -> on = false; goto resume
	:: kicks < STORM && woken == 0 && REQUESTS -> goto publish
	:: kicks >= STORM && woken == 0 -> storm = true; goto publish
	:: woken != 0 -> take_wakes(); goto vcpu_run
	fi;

resume: /* vcpu_resume_guest, the fast path: looks for mail only if something else is pending */
	if
	:: (DEADLINE || brief) && (on || REQUESTS) -> goto resume_with_mail
	:: DEADLINE && !(on || REQUESTS) -> goto attend
	:: else -> goto enter
	fi;

sched_block:
	ran = true;
	state = BLOCKED;
	if
	:: on || REQUESTS ->
		if
		:: atomic { state == BLOCKED -> state = HOST }; goto vcpu_run /* claim_sleeper */
		:: else
		fi
	:: else
	fi;
	goto pick
}
