/* SPDX-License-Identifier: MIT */
/* When a running vCPU must be looked at next, and the timer that sees to it. */
#include "hv/base/bits.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "vmx/caps.h"
#include "vmx/controls.h"
#include "vmx/vmcs.h"

/* How often a running guest is looked at, at least. */
#define WATCHES_PER_SECOND 50u

static bool has_preemption_timer(const struct vcpu *vcpu)
{
	return (vcpu->vmx.pin_controls & PIN_PREEMPTION_TIMER) != 0;
}

/*
 * The longest that a guest runs without an exit. Kicks end its running at any time, but not all
 * that implements VT-x lets an interrupt in while the guest's IF is 0 (docs/caveats.md), and then
 * this is the one way to a guest that spins so. Each entry loads the timer anyway.
 */
static u32 longest_run(const struct vcpu *vcpu)
{
	u64 counts = clock_get()->tsc_hz / WATCHES_PER_SECOND >> vcpu->vmx.caps->timer_shift;

	return (u32)MIN(counts + 1, ~0u);
}

void vcpu_stop_timer(struct vcpu *vcpu)
{
	vcpu->look_at = VAPIC_NEVER;
	if (has_preemption_timer(vcpu))
		vmcs_write32(VMCS_PREEMPTION_TIMER, longest_run(vcpu));
}

/* When the APIC's timer is due, in host time: the guest may have set its TSC anywhere. */
u64 vcpu_timer_due(const struct vcpu *vcpu)
{
	u64 due = vapic_timer_deadline(vcpu->apic);
	u64 now = rdtsc();
	u64 guest = vcpu_guest_tsc(vcpu, now);

	if (due == VAPIC_NEVER)
		return VAPIC_NEVER;
	if (due <= guest)
		return 0;
	return due - guest < VAPIC_NEVER - now ? now + (due - guest) : VAPIC_NEVER;
}

void vcpu_set_deadline(struct vcpu *vcpu)
{
	/* A guest that arms its timer in a brief run does not make that longer. */
	u64 brief = vcpu->task.state == RUN_BRIEF ? vcpu->deadline : VAPIC_NEVER;

	vcpu->task.yield_at = sched_slice_end(&vcpu->task);
	vcpu->deadline = MIN(MIN(vcpu_timer_due(vcpu), vcpu->task.yield_at), brief);
	vcpu->deadline = MIN(vcpu->deadline, thread_alarm(&vcpu->task.thread));
	if (vcpu->deadline != VAPIC_NEVER) {
		vcpu->vmx.pending |= ATTEND_DEADLINE;
	} else if (vcpu->look_at != VAPIC_NEVER) {
		vcpu->vmx.pending &= ~ATTEND_DEADLINE;
		vcpu_stop_timer(vcpu);
	}
}

/*
 * How far the preemption timer may lag: it counts while the guest runs, so that each exit delays
 * it. From this many ticks on after it was set, an exit sets it anew. Short enough for a guest's
 * clock, long enough to cost nothing on the average.
 */
#define TIMER_LAG 4096u

/*
 * The VMX preemption timer counts TSC >> timer_shift, rounded so that it never fires early. Where
 * it starts afresh at each entry it must be set at each; the host's timer once.
 */
NOINLINE void vcpu_set_timer(struct vcpu *vcpu, u64 now)
{
	u64 left = vcpu->deadline > now ? vcpu->deadline - now : 0;
	u64 counts = (left >> vcpu->vmx.caps->timer_shift) + 1;

	vcpu->look_at = vcpu->deadline;
	if (!has_preemption_timer(vcpu)) {
		sched_arm_timer(vcpu->task.rq, vcpu->deadline, now);
	} else {
		vmcs_write32(VMCS_PREEMPTION_TIMER, (u32)MIN(counts, longest_run(vcpu)));
		if (vcpu->vmx.timer_goes_on)
			vcpu->look_at = now + MIN(left, TIMER_LAG);
	}
	if (!has_preemption_timer(vcpu) || vcpu->vmx.timer_goes_on)
		vcpu->vmx.pending &= ~ATTEND_DEADLINE;
}
