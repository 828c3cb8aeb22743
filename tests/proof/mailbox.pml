/* SPDX-License-Identifier: MIT */
/*
 * The delivery protocol for Spin: post, wake, halt, preempt, migrate, with the store buffer of x86.
 *
 * One vCPU, two cores that may run it, three posters. What is proven: when nothing moves any more,
 * all that was posted has been handled (no lost wake-up), and the vCPU never runs on two cores.
 * Each macro takes one order away; with it the proof must fail, or the order would not be needed:
 *
 *   ON_FIRST      the sender sets `on` before the vector is in pir
 *   CLEAR_LATE    the owner clears `on` after it has taken pir
 *   NO_FENCE      the owner's store of its state may come after its look at the mailbox
 *   NO_LOOK       the owner does not look at the mailbox before it enters or sleeps
 *   NO_CAS        a sender wakes a sleeper without making sure that it alone does
 *   RUNNING_LATE  the owner gives the vCPU away before it has put it down
 *
 * Names are those of vapic/mail.h and docs/vapic.md. models.t runs them all.
 */
#define POSTERS 3

mtype = { OUT, GUEST, BLOCKED, READY };

bool pir[POSTERS];      /* one vector for each poster */
bool on;
mtype state = OUT;      /* as other cores see it */
byte core;              /* where the vCPU runs or ran last */
bool queued[2];         /* run queues: the vCPU waits for this core */
bool kicked[2];         /* an interrupt is pending at this core */
bool running[2];
bool irr[POSTERS];
byte handled;
byte posters_done;

/* ---- any core ---- */

inline enqueue()
{
	/* Either core: a wake may migrate. */
	if
	:: queued[0] = true
	:: queued[1] = true
	fi
}

proctype Poster(byte v)
{
	bool was;
	byte where;

#ifdef ON_FIRST
	d_step { was = on; on = true; }
	pir[v] = true;
#else
	/* lock or pir; then lock bts on */
	pir[v] = true;
	d_step { was = on; on = true; }
#endif
	if
	:: was /* another sender answers */
	:: else ->
		/* A look, then a kick that may come late: the vCPU may be elsewhere by then. */
		if
		:: state == GUEST ->
			where = core;
			kicked[where] = true
		:: state == BLOCKED ->
#ifdef NO_CAS
			state = READY;
			enqueue()
#else
			atomic {
				if
				:: state == BLOCKED -> state = READY; enqueue()
				:: else
				fi
			}
#endif
		:: else
		fi
	fi;
	posters_done++
}

/* ---- the core that runs the vCPU ---- */

inline pull()
{
#ifndef CLEAR_LATE
	on = false;
#endif
	v = 0;
	do
	:: v < POSTERS ->
		d_step {
			if
			:: pir[v] -> pir[v] = false; irr[v] = true
			:: else
			fi;
			v++
		}
	:: else -> break
	od;
#ifdef CLEAR_LATE
	on = false;
#endif
	v = 0
}

inline handle()
{
	d_step {
		v = 0;
		do
		:: v < POSTERS ->
			if
			:: irr[v] -> irr[v] = false; handled++
			:: else
			fi;
			v++
		:: else -> break
		od;
		v = 0
	}
}

/*
 * A store to state, then a look at on. Without the fence the store may still be in the buffer when
 * the look is done: then it reaches the others after it.
 */
inline store_and_look(new)
{
#ifdef NO_FENCE
	if
	:: state = new; pending = on
	:: pending = on; state = new
	fi
#else
	state = new;
	pending = on
#endif
}

proctype Core(byte me)
{
	byte v;
	bool pending;

idle:
end_idle:
	atomic {
		queued[me];
		queued[me] = false;
		running[me] = true;
		assert(!running[1 - me]);
		core = me;
		state = OUT
	}
again:
	pull();
	store_and_look(GUEST);
#ifndef NO_LOOK
	if
	:: pending -> state = OUT; goto again
	:: else
	fi;
#endif
	handle();
	if
	:: /* runs on until something stops it */
end_guest:
		kicked[me];
		kicked[me] = false;
		state = OUT;
		goto again
	:: /* end of the slice: whichever core is next */
		state = OUT;
#ifdef RUNNING_LATE
		atomic { state = READY; enqueue() }
		running[me] = false;
#else
		running[me] = false;
		atomic { state = READY; enqueue() }
#endif
		goto idle
	:: /* HLT */
		state = OUT;
		/* The vCPU is put away before others may take it. */
#ifndef RUNNING_LATE
		running[me] = false;
#endif
		store_and_look(BLOCKED);
#ifdef NO_LOOK
		pending = false;
#endif
		if
		:: pending ->
			/* Taken back, unless a poster was faster and has queued it. */
			atomic {
				if
				:: state == BLOCKED ->
					state = OUT;
					running[me] = true;
					assert(!running[1 - me])
				:: else -> pending = false
				fi
			}
			if
			:: pending -> goto again
			:: else
			fi
		:: else
		fi;
#ifdef RUNNING_LATE
		running[me] = false;
#endif
		goto idle
	fi
}

/* Runs when nothing else can. */
proctype Judge()
{
	timeout;
	assert(posters_done == POSTERS);
	assert(handled == POSTERS)
}

init {
	atomic {
		queued[0] = true;
		run Core(0);
		run Core(1);
		run Poster(0);
		run Poster(1);
		run Poster(2);
		run Judge()
	}
}
