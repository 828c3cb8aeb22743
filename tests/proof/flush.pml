/* SPDX-License-Identifier: MIT */
/*
 * The hypercall FLUSH_TLB for Spin: who calls, who is asked, who sleeps, one whose store the
 * hypervisor finishes, and two who call at once.
 *
 * Each vCPU has a core of its own, and a TLB that holds one translation: the version of the page
 * table that it was made from. What is proven: once a call has returned, no vCPU of its set uses a
 * version from before that call; and nobody waits for ever, neither for one who waits himself.
 * Each macro takes one order away; with it the proof must fail, or the order would not be needed:
 *
 *   REQUEST_LATE   the caller looks at the state before its request can be seen
 *   ENTER_UNFENCED the target looks at its requests before its state can be seen
 *   ENTER_BLIND    the target does not look at its requests after it has told its state
 *   WAKE_BLIND     a sleeper enters without having taken what was asked meanwhile
 *   NO_WAIT        the caller does not wait for who is in guest mode
 *   NO_KICK        nor interrupts him
 *   WAIT_AS_GUEST  the caller still counts as being in guest mode while it waits
 *   TAKE_ONLY      the request is taken without a flush
 *   BY_STATE_ALONE the caller does not see that a target was out of guest mode and is back
 *   STORE_UNSEEN   a store that the hypervisor finishes for the guest does not count as the guest's
 *
 * Names are those of hv/kernel/pv/pv_flush.c and hv/kernel/run/entry.c. models.t runs them all.
 */
#ifndef VCPUS
#define VCPUS 2
#endif
#ifndef CALLERS
#define CALLERS 2
#endif
#define EMPTY 0

mtype = { RUN_HOST, RUN_GUEST, RUN_BLOCKED };

mtype state[VCPUS] = RUN_HOST;
bool request[VCPUS]; /* REQUEST_FLUSH */
bool kicked[VCPUS];
byte tlb[VCPUS];     /* EMPTY, or the version that is cached */
byte version = 1;    /* of the guest's page table */
byte flushed[VCPUS]; /* the newest version whose flush of that vCPU has returned */

inline take_requests(v)
{
	d_step {
		if
		:: request[v] ->
			request[v] = false;
#ifndef TAKE_ONLY
			tlb[v] = EMPTY
#endif
		:: else
		fi
	}
}

/* Publish and look, until there is nothing; then the guest runs. */
inline enter(v)
{
	do
	::
#ifdef ENTER_UNFENCED
		seen = request[v];
		state[v] = RUN_GUEST;
#else
		state[v] = RUN_GUEST;
		seen = request[v];
#endif
#ifdef ENTER_BLIND
		break
#else
		if
		:: seen -> state[v] = RUN_HOST; take_requests(v)
		:: else -> break
		fi
#endif
	od;
	seen = false
}

/* INS ends, in vcpu_run: its store goes where the page table leads (store_element). */
inline store_element(v)
{
#ifndef STORE_UNSEEN
	state[v] = RUN_GUEST;
#endif
	walked = version;
	assert(walked >= flushed[v]);
	walked = EMPTY;
	state[v] = RUN_HOST
}

/* Of everyone but the caller; he himself takes his request on his way back. */
inline flush_tlb(v)
{
	d_step { version++; mine = version }
#ifndef WAIT_AS_GUEST
	state[v] = RUN_HOST;
#endif
	for (t : 0 .. VCPUS - 1) {
		if
		:: t != v ->
#ifdef REQUEST_LATE
			guest = state[t] == RUN_GUEST;
			request[t] = true;
#else
			request[t] = true;
			guest = state[t] == RUN_GUEST;
#endif
			if
			:: guest ->
#ifndef NO_KICK
				kicked[t] = true
#else
				skip
#endif
			:: else
			fi
		:: else
		fi
	}
#ifndef NO_WAIT
	for (t : 0 .. VCPUS - 1) {
		if
		:: t != v ->
			if
			:: state[t] != RUN_GUEST
#ifndef BY_STATE_ALONE
			:: !request[t]
#endif
			fi
		:: else
		fi
	}
#endif
	atomic {
		for (t : 0 .. VCPUS - 1) {
			if
			:: t != v && flushed[t] < mine -> flushed[t] = mine
			:: else
			fi
		}
		t = 0;
		mine = 0;
		guest = false
	}
}

proctype Vcpu(byte v; byte calls; byte halts; byte stores)
{
	byte t, mine, walked;
	bool seen, guest;

look:	/* vcpu_run: the request may be seen here, or after the state is told */
	state[v] = RUN_HOST;
	if
	:: stores > 0 -> stores--; store_element(v)
	:: true
	fi;
	if
	:: take_requests(v)
	:: skip
	fi;
entry:	enter(v);
end_in_guest:
	do
	/* Caches what is there; uses what it has. */
	:: d_step { tlb[v] == EMPTY -> tlb[v] = version }
	:: tlb[v] != EMPTY && tlb[v] < flushed[v] -> assert(false)
	:: kicked[v] -> kicked[v] = false; goto look
	:: calls > 0 -> calls--; flush_tlb(v); goto entry
	:: halts > 0 ->
		halts--;
		state[v] = RUN_BLOCKED;
		if
		:: request[v] -> goto look /* sched_block's own look */
		:: true
		fi;
		/* Something else wakes him, whenever. */
		state[v] = RUN_HOST;
#ifdef WAKE_BLIND
		state[v] = RUN_GUEST;
		goto end_in_guest
#else
		goto look
#endif
	od
}

init {
	atomic {
		byte i;

		for (i : 0 .. VCPUS - 1) {
			run Vcpu(i, (i < CALLERS -> 1 : 0), 1, (i == VCPUS - 1 -> 1 : 0))
		}
	}
}
