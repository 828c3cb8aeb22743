/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU: the guest's side (VMX, APIC), the monitor's thread that serves it, and its place
 * in the scheduler. Root is a vCPU as well, of VM 0: one that never enters a guest.
 *
 * Owner: the core it is pinned to. Only what stands in the first group is written by others.
 */
#ifndef HV_VCPU_VCPU_H
#define HV_VCPU_VCPU_H

#include "hv/abi/counters.h"
#include "hv/abi/message.h"
#include "hv/abi/process.h"
#include "hv/base/types.h"
#include "hv/kernel/cpu/user.h"
#include "hv/kernel/pv/pv.h"
#include "hv/kernel/sched/queue.h"
#include "vapic/vapic.h"
#include "vmx/fetch.h"
#include "vmx/vcpu.h"

struct run_queue;
struct vm;

/* What a sender must know of a target: docs/architecture.md, delivery. */
enum run_state {
	RUN_HOST,    /* in ring 3, in vcpu_run, or ready: looks at its mailbox before it enters */
	RUN_GUEST,   /* in guest mode, or in an exit that goes straight back to it: kick */
	RUN_BLOCKED, /* sleeps: who moves it to RUN_HOST queues it and kicks its core */
	RUN_POSTED,  /* as RUN_GUEST, but the processor itself takes vectors from the mailbox */
};

/* Orders from other cores, taken where the mailbox is. */
#define REQUEST_STOP   BIT32(0)  /* leave the core for good */
#define REQUEST_PAUSE  BIT32(1)  /* look at vm->paused */
#define REQUEST_SIGNAL BIT32(2)  /* MSG_SIGNAL is due */
#define REQUEST_KICK   BIT32(3)  /* PV unhalt: end this HLT, or the next, without an interrupt */
#define REQUEST_UNPOST BIT32(16) /* the processor shall no longer take the mailbox */
#define REQUEST_FLUSH  BIT32(4)  /* drop this vCPU's TLB entries before the next entry */
#define REQUEST_CLOCK  BIT32(5)  /* write the clock page: another vCPU's TSC was changed */
#define REQUEST_SAMPLE BIT32(7)  /* tell root what this vCPU is at */
#define REQUEST_STEAL  BIT32(6)  /* by the owner itself: write the steal page, having been away */

/* Those that guests send, as often as they like. */
#define REQUESTS_OF_GUESTS (REQUEST_KICK | REQUEST_FLUSH | REQUEST_CLOCK)

/*
 * What the vCPU's owner has to look at before the next entry, beside the events that vmx/ keeps in
 * the lower half of vmx.pending: one word, and the fast path asks whether it is 0.
 */
#define ATTEND_RUN      BIT32(16) /* take vcpu_run: a message, a yield, another's turn */
#define ATTEND_DEADLINE BIT32(17) /* the timer is to be set for `deadline` */
#define ATTEND_EOI      BIT32(18) /* PV EOI: an offer stands, or may be made */
#define ATTEND_YIELD    BIT32(19) /* with ATTEND_RUN: asked to let others run first */
#define ATTEND_TURNED   BIT32(20) /* turned back since the last entry: not a second time */
#define ATTEND_APART    (ATTEND_RUN | ATTEND_DEADLINE | ATTEND_EOI)

enum activity {
	ACTIVITY_RUN,
	ACTIVITY_HALT,  /* HLT, until an interrupt, NMI or kick */
	ACTIVITY_SIPI,  /* waits for its start-up interrupt: never entered */
	ACTIVITY_FLUSH, /* FLUSH_TLB waits for its targets: never entered */
	ACTIVITY_NONE,  /* no guest (root), or before MSG_START is answered */
	ACTIVITY_OVER,  /* stopped for good, or about to be */
};

/* The thread of the VM's monitor for this vCPU. */
struct thread {
	struct user_regs regs;
	struct thread_page *page; /* its direct-map address */
	bool busy;     /* has a message, or has not asked for one yet: runs instead of the guest */
	bool waiting;  /* in SYS_REPLY_WAIT or SYS_WAIT: may be handed something */
	u64 resume_at; /* TSC; sleeps until then while not 0 */
	u64 alarm_at;  /* TSC of the alarm asked for; 0: none */
	u64 began;     /* TIME_MONITOR when the message at hand was handed over */
	u64 slept;     /* ticks that the thread has slept since, by its own wish */
};

struct vcpu;

/* What of a reply was taken; `start` stays in the page until MSG_START's reply asks for it. */
struct taken_reply {
	u32 action, stop;
	u64 value;
};

/* Ends the access of the guest's that the monitor has answered. */
typedef void (*finish_access)(struct vcpu *vcpu, const struct taken_reply *reply);

/* The message that the monitor has; all zero: none. */
struct pending_access {
	finish_access finish; /* NULL: not an access */
	u32 kind;             /* enum message_kind */
	u8 size;
	bool write;
	bool port; /* MSG_INSTRUCTION: INS, OUTS */
	u8 length; /* of the instruction: RIP moves by it */
};

struct vcpu {
	struct vmx_vcpu vmx; /* first: 16-byte aligned, and the assembly's pointer is ours */

	/* Read by senders on every core; `state` is written by the owner and by who wakes it. */
	u32 state ALIGNED(CACHE_LINE); /* enum run_state */
	u32 requests;                  /* REQUEST_*, or-ed by anyone */
	struct vcpu *wake_next;        /* link in the core's wake stack, of who woke it */

	/* Constant after creation. */
	struct run_queue *rq ALIGNED(CACHE_LINE);
	struct vm *vm;
	struct vapic *apic;
	struct vcpu_counters *counters;
	u32 index;
	u32 guest_state; /* RUN_GUEST, or RUN_POSTED: what an entry publishes */
	u64 trace_id;    /* TRACE_WHO */

	struct exit_counter *exit; /* of the exit being handled */
	u64 exit_ticks;            /* what earlier legs of this exit took */
	u64 deadline;              /* host TSC at which this vCPU must be looked at while it runs */
	u64 yield_at;              /* host TSC at which it has to give way to others */
	u64 look_at;               /* at an exit from then on the timer is to be set anew */
	u64 tsc_offset;            /* guest's TSC - host's; the VM's other vCPUs read it */
	enum activity activity;
	bool halted_deaf; /* halted with IF clear: interrupts do not wake it */
	bool kicked;      /* by PV unhalt: a HLT, now or to come, ends at once */
	bool started;     /* MSG_START was answered */
	bool prepared;    /* its VMCS is made */
	bool paused;
	struct pending_access access;

	/* Scheduler and accounting, all times in TSC ticks. */
	struct sched_entity sched;
	u64 since;                              /* begin of the wait or sleep not yet accounted */
	u64 waited_from[MAX_VMS][BLAME_CAUSES]; /* rq->held then */

	struct pv pv;
	struct vapic_set flushing; /* ACTIVITY_FLUSH: the targets */
	struct thread thread;
	struct fetch_memory fetched;
	struct exit_counter uncounted; /* for entries that follow no exit */
};

static_assert(offsetof(struct vcpu, vmx) == 0, "vcpu_of");

static ALWAYS_INLINE struct vcpu *vcpu_of(struct vmx_vcpu *vmx)
{
	return container_of(vmx, struct vcpu, vmx);
}

static ALWAYS_INLINE struct vcpu *vcpu_of_regs(struct user_regs *regs)
{
	return container_of(regs, struct vcpu, thread.regs);
}

/*
 * Into the guest: after an exit that was handled whole, without leaving RUN_GUEST; and from
 * anywhere else. Returns if the vCPU has to turn back: something has come that vcpu_run has to see.
 */
void vcpu_resume_guest(struct vcpu *vcpu);
void vcpu_enter_guest(struct vcpu *vcpu);

/* The guest's TSC at a host TSC. */
static ALWAYS_INLINE u64 vcpu_guest_tsc(const struct vcpu *vcpu, u64 host)
{
	return host + vcpu->tsc_offset;
}

/* Owner. Takes the mailbox over into the APIC and `vmx.pending`. */
void vcpu_take_mail(struct vcpu *vcpu);

/* No deadline: the preemption timer at its longest. The VMCS is current. */
void vcpu_stop_timer(struct vcpu *vcpu);

/* Recomputes when this vCPU must next be looked at: its APIC timer, its slice. */
void vcpu_set_deadline(struct vcpu *vcpu);

/* Sets the timer for vcpu->deadline; `now` is recent. The VMCS is current. */
void vcpu_set_timer(struct vcpu *vcpu, u64 now);

/*
 * Host TSC at which its APIC's timer is due (0: the past), and at which its monitor's thread is to
 * be signalled; VAPIC_NEVER: not.
 */
u64 vcpu_timer_due(const struct vcpu *vcpu);
u64 vcpu_alarm_due(const struct vcpu *vcpu);

static ALWAYS_INLINE void count(struct vcpu *vcpu, enum vcpu_event event)
{
	vcpu->counters->event[event]++;
}

#endif
