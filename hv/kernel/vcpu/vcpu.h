/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU: the guest's side (VMX, APIC), and the task that runs it and the monitor's thread
 * that serves it. Owner: the core it is pinned to, for all but what sched/task.h says.
 */
#ifndef HV_VCPU_VCPU_H
#define HV_VCPU_VCPU_H

#include "hv/abi/counters.h"
#include "hv/abi/message.h"
#include "hv/abi/pv.h"
#include "hv/base/pv_scale.h"
#include "hv/base/types.h"
#include "hv/kernel/sched/task.h"
#include "vapic/vapic.h"
#include "vmx/fetch.h"
#include "vmx/vcpu.h"

struct vm;

/* Orders from other cores, beside those of any task (sched/task.h). */
#define REQUEST_PAUSE  BIT32(2) /* look at vm->paused */
#define REQUEST_KICK   BIT32(3) /* PV unhalt: end this HLT, or the next, without an interrupt */
#define REQUEST_FLUSH  BIT32(4) /* drop this vCPU's TLB entries before the next entry */
#define REQUEST_CLOCK  BIT32(5) /* write the clock page: another vCPU's TSC was changed */
#define REQUEST_STEAL  BIT32(6) /* by the owner itself: write the steal page, having been away */
#define REQUEST_SAMPLE BIT32(7) /* tell root what this vCPU is at */
#define REQUEST_UNPOST BIT32(8) /* the processor shall no longer take the mailbox */

/*
 * Ticks that a vCPU has for itself when others would keep it from executing anything. They do where
 * it has had less than KICKED_RUN a kick in so many kicks of its core: few enough for its progress,
 * so many that no percentile of an IPI's time shows them.
 */
#define BRIEF_RUN        2048u
#define KICKS_OF_A_STORM 1024u
#define KICKED_RUN       256u

/* Those that guests send, as often as they like. */
#define REQUESTS_OF_GUESTS (REQUEST_KICK | REQUEST_FLUSH | REQUEST_CLOCK)

/*
 * What the vCPU's owner has to look at before the next entry, beside the events that vmx/ keeps in
 * the lower half of vmx.pending: one word, and the fast path asks whether it is 0.
 */
#define ATTEND_DEADLINE BIT32(18) /* the timer is to be set for `deadline` */
#define ATTEND_EOI      BIT32(19) /* PV EOI: an offer stands, or may be made */
#define ATTEND_TURNED   BIT32(20) /* turned back since the last entry: not a second time */
#define ATTEND_BRIEF    BIT32(21) /* kicked too often: the next entry is enter_briefly's */
#define ATTEND_APART    (ATTEND_RUN | ATTEND_DEADLINE | ATTEND_EOI | ATTEND_BRIEF)

enum activity {
	ACTIVITY_RUN,
	ACTIVITY_HALT,  /* HLT, until an interrupt, NMI or kick */
	ACTIVITY_SIPI,  /* waits for its start-up interrupt: never entered */
	ACTIVITY_FLUSH, /* FLUSH_TLB waits for its targets: never entered */
	ACTIVITY_NONE,  /* before MSG_START is answered */
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
	finish_access finish;      /* NULL: not an access */
	enum vcpu_count unclaimed; /* what is counted if nothing is there */
	u32 kind;                  /* enum message_kind */
	u8 size;
	bool write;
	u8 length; /* of the instruction: RIP moves by it */
};

/* What pv=kvm shares with the guest (pv/pv.h); all zero: nothing is announced. */
struct pv {
	u64 clock_msr, steal_msr, eoi_msr; /* as written */
	struct pv_clock *clock;            /* NULL: off, or nothing the guest could mean */
	struct pv_steal *steal;            /* likewise */
	u8 *eoi;                           /* PV EOI's word; NULL: off */
	u64 stolen;                        /* ticks, as last told */
	struct pv_scale scale;
};

struct vcpu {
	struct vmx_vcpu vmx; /* first: 16-byte aligned, and the assembly's pointer is ours */

	struct task task;

	/* Constant after creation. */
	struct vm *vm ALIGNED(CACHE_LINE);
	struct vapic *apic;
	u32 index;
	u32 guest_state; /* RUN_GUEST, or RUN_POSTED: what an entry publishes */

	u64 deadline;   /* host TSC at which this vCPU must be looked at while it runs */
	u64 look_at;    /* at an exit from then on the timer is to be set anew */
	u64 had;        /* time[TIME_GUEST] when kicks were last found to be many */
	u64 tsc_offset; /* guest's TSC - host's; the VM's other vCPUs read it */
	enum activity activity;
	bool halted_deaf; /* halted with IF clear: interrupts do not wake it */
	bool kicked;      /* by PV unhalt: a HLT, now or to come, ends at once */
	bool started;     /* MSG_START was answered */
	bool prepared;    /* its VMCS is made */
	bool paused;
	struct pending_access access;

	struct pv pv;
	struct vapic_set flushing; /* ACTIVITY_FLUSH: the targets */
	struct fetch_memory fetched;
};

static_assert(offsetof(struct vcpu, vmx) == 0, "vcpu_of");

static ALWAYS_INLINE struct vcpu *vcpu_of(struct vmx_vcpu *vmx)
{
	return container_of(vmx, struct vcpu, vmx);
}

static ALWAYS_INLINE struct vcpu *vcpu_of_task(struct task *task)
{
	return container_of(task, struct vcpu, task);
}

/* The guest's TSC at a host TSC. */
static ALWAYS_INLINE u64 vcpu_guest_tsc(const struct vcpu *vcpu, u64 host)
{
	return host + vcpu->tsc_offset;
}

/* No deadline: the preemption timer at its longest. The VMCS is current. */
void vcpu_stop_timer(struct vcpu *vcpu);

/* Recomputes when this vCPU must next be looked at: its APIC timer, its slice. */
void vcpu_set_deadline(struct vcpu *vcpu);

/* Sets the timer for vcpu->deadline; `now` is recent. The VMCS is current. */
void vcpu_set_timer(struct vcpu *vcpu, u64 now);

/* Host TSC at which its APIC's timer is due; 0: the past; VAPIC_NEVER: not. */
u64 vcpu_timer_due(const struct vcpu *vcpu);

static ALWAYS_INLINE void count(struct vcpu *vcpu, enum vcpu_count event)
{
	vcpu->task.counters->count[event]++;
}

#endif
