/* SPDX-License-Identifier: MIT */
/*
 * Hypercall FLUSH_TLB: a shootdown without interrupts in the guest.
 *
 *   CALLER                                     TARGET
 *   state = RUN_HOST                           (guest mode: RUN_GUEST, RUN_POSTED)
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
 * that its monitor carries out, count as guest mode (guest_store in exit/guest.c). A target asleep
 * or without a core is left alone and flushes when it comes back.
 *
 * Nobody waits for one who waits: the caller is in RUN_HOST meanwhile. Its wait is short, for a
 * kick ends guest mode at once; where it does not (docs/caveats.md), the target's watch does, fifty
 * times a second. The wait is longer than that, so that all targets have come by within one; should
 * it end all the same, the caller goes to vcpu_run, and the guest executes the VMCALL once more.
 */
#include "hv/kernel/exit/advance.h"
#include "hv/kernel/pv/pv.h"

#include "hv/base/atomic.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/vmcs.h"

#define WAITS_PER_SECOND 25u

void pv_flush_own(struct vcpu *vcpu)
{
	vmx_flush_vpid(vcpu->vmx.flush_vpid);
	count(vcpu, EVENT_PV_TLB_FLUSH);
}

static bool in_guest(const struct vcpu *target)
{
	u32 state = atomic_load(&target->state);

	return state == RUN_GUEST || state == RUN_POSTED;
}

static bool may_use_old(const struct vcpu *target)
{
	return in_guest(target) && (atomic_load(&target->requests) & REQUEST_FLUSH) != 0;
}

NORETURN void pv_flush_tlb(struct vcpu *vcpu, const struct vapic_set *targets)
{
	struct vcpu *const *all = vcpu->vm->vcpu;
	u64 until = rdtsc() + clock_get()->tsc_hz / WAITS_PER_SECOND;
	u32 i;

	/* The caller may be a target: it takes its request on its way back. */
	atomic_store_fence(&vcpu->state, (u32)RUN_HOST);
	set_for_each (i, targets) {
		atomic_or(&all[i]->requests, REQUEST_FLUSH);
		if (in_guest(all[i]))
			lapic_send(all[i]->rq->core->apic_id, VECTOR_KICK);
	}
	set_for_each (i, targets) {
		while (may_use_old(all[i])) {
			if (rdtsc() > until)
				vcpu_run(vcpu);
			cpu_pause();
		}
	}
	vcpu->vmx.gpr[RAX] = vapic_set_count(targets);
	vcpu_advance();
	vcpu_enter_guest(vcpu);
}
