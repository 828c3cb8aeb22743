/* SPDX-License-Identifier: MIT */
#include "hv/kernel/run/entry.h"

#include "hv/kernel/sched/account.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/base/atomic.h"
#include "hv/kernel/exit/mail.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/pv/pv.h"
#include "vmx/apicv.h"
#include "vmx/caps.h"
#include "vmx/inject.h"

/* The interrupt to inject, or -1. What TPR alone holds back exits when CR8 lets it come. */
static int next_interrupt(struct vcpu *vcpu)
{
	int vector = vapic_next(vcpu->apic);

	if (unlikely(vector < 0) || unlikely(vcpu->vmx.tpr_threshold != 0))
		vmx_tpr_threshold(&vcpu->vmx, vector < 0 ? vapic_held_class(vcpu->apic) : 0);
	return vector;
}

/* What goes in at this entry. */
static void inject(struct vcpu *vcpu)
{
	u32 *pending = &vcpu->vmx.pending;
	int vector = (*pending & PENDING_INTERRUPT) != 0 ? next_interrupt(vcpu) : -1;

	if ((*pending & PENDING_VIRTUAL) != 0)
		apicv_hand_over(vcpu);
	if ((*pending & PENDING_EVENTS) == 0)
		return;
	switch (vmx_inject(&vcpu->vmx, vector)) {
	case INJECTED_INTERRUPT:
		vapic_accept(vcpu->apic, (u8)vector);
		*pending &= ~PENDING_INTERRUPT;
		count(vcpu, COUNT_INJECT_INTERRUPT);
		break;
	case INJECTED_NMI:
		count(vcpu, COUNT_INJECT_NMI);
		break;
	case INJECTED_FAULT:
		count(vcpu, COUNT_INJECT_EXCEPTION);
		break;
	case INJECTED_NOTHING:
		if (vector < 0)
			*pending &= ~PENDING_INTERRUPT;
		break;
	}
}

static ALWAYS_INLINE bool has_mail(const struct vcpu *vcpu)
{
	const struct vapic_mail *mail = &vcpu->apic->mail;

	return (atomic_load(&mail->on) | atomic_load(&mail->events) |
	        atomic_load(&vcpu->task.requests)) != 0;
}

/*
 * The owner's PUBLISH of the delivery protocol, barrier B (vapic/mail.h); the LOOK, has_mail(),
 * must follow. Partner: sched_notify.
 */
static ALWAYS_INLINE void publish(struct vcpu *vcpu)
{
	atomic_store_fence(&vcpu->task.state, vcpu->guest_state);
}

/*
 * An entry turns back once. After that the guest is entered, whatever others have sent meanwhile:
 * else they could keep it out for ever. What is left over waits for a short timer's exit.
 */
static bool may_turn(const struct vcpu *vcpu)
{
	return (vcpu->vmx.pending & ATTEND_TURNED) == 0;
}

/* A deadline that is past again after a round exits as soon as the processor can count. False: turn
 * back. */
static bool take_deadline(struct vcpu *vcpu)
{
	u64 now = rdtsc();

	if (now >= vcpu->deadline && may_turn(vcpu))
		return false;
	vcpu_set_timer(vcpu, now);
	return true;
}

static ALWAYS_INLINE NORETURN void enter(struct vcpu *vcpu)
{
	u64 legs = vcpu->task.exit_ticks;

	vcpu->task.exit_ticks = 0;
	vcpu->vmx.pending &= ~ATTEND_TURNED;
	account_stretch_of(vcpu->task.rq,
	                   account_exit(&vcpu->task, vcpu->task.exit, legs, rdtsc()));
	vmx_enter(&vcpu->vmx);
}

static void attend(struct vcpu *vcpu);

/*
 * Senders that never pause would let the guest execute next to nothing: a kick would be pending at
 * each entry. So kicks under way are taken in a window, nobody sends further ones to RUN_BRIEF, and
 * a timer ends the run. Comes where mail is found three times in one exit, and after each
 * KICKS_OF_A_STORM kicks between which the guest has had next to nothing (kicked_alone).
 * Returns to turn back.
 */
static void enter_briefly(struct vcpu *vcpu)
{
	u32 pending = vcpu->vmx.pending & ~ATTEND_BRIEF;

	atomic_store_fence(&vcpu->task.state, (u32)RUN_BRIEF);
	sched_window(vcpu->task.rq);
	vcpu->deadline = rdtsc() + BRIEF_RUN;
	vcpu->vmx.pending = pending | ATTEND_DEADLINE | ATTEND_TURNED;
	attend(vcpu);
}

/* As attend() below, for what is not usual: vcpu_run, and all that has to do with PV EOI. */
static NOINLINE void attend_apart(struct vcpu *vcpu)
{
	pv_eoi_settle(vcpu);
	if ((vcpu->vmx.pending & ATTEND_RUN) != 0)
		return;
	if ((vcpu->vmx.pending & ATTEND_BRIEF) != 0) {
		enter_briefly(vcpu);
		return;
	}
	if ((vcpu->vmx.pending & ATTEND_DEADLINE) != 0 && !take_deadline(vcpu))
		return;
	if ((vcpu->vmx.pending & PENDING_EVENTS) != 0)
		inject(vcpu);
	pv_eoi_offer(vcpu);
	enter(vcpu);
}

/* Does what stands in vmx.pending, then enters. RUN_GUEST is published, there is no mail. Returns
 * to turn back. */
static void attend(struct vcpu *vcpu)
{
	u32 pending = vcpu->vmx.pending;

	if (unlikely((pending & ATTEND_APART) != 0)) {
		if (unlikely((pending & ATTEND_APART) != ATTEND_DEADLINE)) {
			attend_apart(vcpu);
			return;
		}
		if (!take_deadline(vcpu))
			return;
	}
	if ((pending & PENDING_EVENTS) != 0)
		inject(vcpu);
	enter(vcpu);
}

/*
 * What guests may post to and ask of one another without end is left for the next exit; but no
 * translation older than a flush may be used on the way. All else turns back as often as it comes.
 */
static bool may_wait(struct vcpu *vcpu)
{
	if (may_turn(vcpu) || (atomic_load(&vcpu->task.requests) & ~REQUESTS_OF_GUESTS) != 0)
		return false;
	if ((atomic_and(&vcpu->task.requests, ~REQUEST_FLUSH) & REQUEST_FLUSH) != 0)
		pv_flush_own(vcpu);
	return true;
}

/*
 * RUN_GUEST is published, and there is mail: taken in RUN_HOST, then published anew. Mail that has
 * come by this second look makes the entry turn back, and a third time it waits for a short timer.
 */
static NOINLINE void resume_with_mail(struct vcpu *vcpu)
{
	if (likely(atomic_load(&vcpu->task.requests) == 0)) {
		atomic_store(&vcpu->task.state, (u32)RUN_HOST);
		vcpu_take_mail(vcpu);
		publish(vcpu);
	}
	if (likely(!has_mail(vcpu)))
		attend(vcpu);
	else if (may_wait(vcpu))
		enter_briefly(vcpu);
	else
		atomic_store(&vcpu->task.state, (u32)RUN_HOST);
}

/* Something wants attention; it may be an event that the guest sent to its own mailbox. */
static NOINLINE void resume_with_attention(struct vcpu *vcpu)
{
	if (unlikely(has_mail(vcpu)))
		resume_with_mail(vcpu);
	else
		attend(vcpu);
}

/*
 * Any sender that has posted since the last entry has also kicked (vapic/mail.h); or RUN_BRIEF
 * stands, and its timer exits soon.
 */
void vcpu_resume_guest(struct vcpu *vcpu)
{
	if (unlikely(vcpu->vmx.pending != 0)) {
		resume_with_attention(vcpu);
		vcpu->vmx.pending |= ATTEND_TURNED;
		return;
	}
	account_stretch_of(vcpu->task.rq, account_exit(&vcpu->task, vcpu->task.exit, 0, rdtsc()));
	vmx_enter(&vcpu->vmx);
}

void vcpu_enter_guest(struct vcpu *vcpu)
{
	publish(vcpu);
	if (unlikely(has_mail(vcpu)))
		resume_with_mail(vcpu);
	else
		attend(vcpu);
	vcpu->vmx.pending |= ATTEND_TURNED;
}
