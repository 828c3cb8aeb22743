/* SPDX-License-Identifier: MIT */
/*
 * Hypercall FLUSH_TLB: a shootdown without interrupts in the guest.
 *
 *   CALLER                                     TARGET
 *   state = RUN_HOST                           (guest mode: RUN_GUEST, RUN_POSTED, _BRIEF)
 *   lock or  target.requests, FLUSH            kick: exit, vcpu_run
 *   load target.state                          state = RUN_HOST
 *     in guest: kick, and wait until either    xchg  requests, 0
 *       the state or the request is gone       flush
 *     else: nothing, it looks first            xchg  state = RUN_GUEST; look at requests; enter
 *
 * Barriers are those of a post (docs/architecture.md): the request is or-ed by a locked instruction
 * before the state is loaded; the target's partners are publish(), whose XCHG comes before its look
 * at the requests, and the exchange in take_requests(), after which nothing of the guest's runs
 * before the flush. The stores that are finished in the guest's name behind a wait, of instructions
 * that its monitor carries out, count as guest mode (guest_store in exit/memory.c). A target asleep
 * or without a core is left alone and flushes when it comes back.
 *
 * Nobody waits for one who waits: the caller is in RUN_HOST meanwhile. A kick ends guest mode at
 * once, so the caller first looks again and again; where that is not enough (docs/caveats.md) it
 * sleeps and looks now and then, with its VMCALL done but for that: ring 0 waits for nobody.
 */
#include "hv/kernel/pv/pv.h"

#include "hv/base/atomic.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/vmcs.h"

/* Ticks that the caller looks without a pause, and then between two looks. */
#define SPIN_TICKS 4096u
#define NAP_TICKS  8192u

void pv_flush_own(struct vcpu *vcpu)
{
	vmx_flush_vpid(vcpu->vmx.flush_vpid);
	count(vcpu, COUNT_PV_TLB_FLUSH);
}

/* In RUN_BRIEF it is in guest mode too, but soon looks by itself. */
static bool takes_kicks(const struct vcpu *target)
{
	u32 state = atomic_load(&target->task.state);

	return state == RUN_GUEST || state == RUN_POSTED;
}

static bool may_use_old(const struct vcpu *target)
{
	u32 state = atomic_load(&target->task.state);

	return state != RUN_HOST && state != RUN_BLOCKED &&
	       (atomic_load(&target->task.requests) & REQUEST_FLUSH) != 0;
}

static bool all_done(const struct vcpu *vcpu, const struct vapic_set *targets)
{
	u32 i;

	set_for_each (i, targets)
		if (may_use_old(vcpu->vm->vcpu[i]))
			return false;
	return true;
}

u64 pv_flush_next_look(void)
{
	return rdtsc() + NAP_TICKS;
}

void pv_flush_look(struct vcpu *vcpu)
{
	if (all_done(vcpu, &vcpu->flushing))
		vcpu->activity = ACTIVITY_RUN;
}

enum after pv_flush_tlb(struct vcpu *vcpu, const struct vapic_set *targets)
{
	struct vcpu *const *all = vcpu->vm->vcpu;
	u64 until = rdtsc() + SPIN_TICKS;
	u32 i;

	/* The caller may be a target: it takes its request on its way back. */
	atomic_store_fence(&vcpu->task.state, (u32)RUN_HOST);
	set_for_each (i, targets) {
		atomic_or(&all[i]->task.requests, REQUEST_FLUSH);
		if (takes_kicks(all[i]))
			lapic_send(all[i]->task.rq->core->apic_id, VECTOR_KICK);
	}
	while (!all_done(vcpu, targets)) {
		if (rdtsc() > until) {
			vcpu->activity = ACTIVITY_FLUSH;
			vcpu->flushing = *targets;
			return AFTER_RUN;
		}
		cpu_pause();
	}
	return AFTER_ENTER;
}
