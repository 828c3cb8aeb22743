/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vcpu/vcpu.h"

#include "hv/kernel/sched/account.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/base/atomic.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/ipi/deliver.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/user/syscall.h"
#include "hv/kernel/vm/dump.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/apicv.h"
#include "vmx/caps.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/start.h"
#include "vmx/vmcs.h"

/* ---- what others asked of us ---- */

static void take_requests(struct vcpu *vcpu)
{
	u32 requests = atomic_swap(&vcpu->requests, 0u);

	if ((requests & REQUEST_STOP) != 0)
		sched_leave(vcpu);
	if ((requests & REQUEST_PAUSE) != 0)
		vcpu->paused = atomic_load(&vcpu->vm->paused) != 0;
	if ((requests & REQUEST_SIGNAL) != 0)
		vcpu->thread.alarm_at = 1; /* long past: due at once */
	if ((requests & REQUEST_KICK) != 0)
		vcpu->kicked = true;
	if ((requests & REQUEST_UNPOST) != 0)
		apicv_post(vcpu, false);
	if ((requests & REQUEST_SAMPLE) != 0)
		dump_sample(vcpu);
	pv_take_requests(vcpu, requests);
}

/* The APIC's timer, and the alarm of the vCPU's monitor thread. */
static void take_time(struct vcpu *vcpu, u64 now)
{
	u64 guest = vcpu_guest_tsc(vcpu, now);

	if (guest >= vapic_timer_deadline(vcpu->apic)) {
		count(vcpu, EVENT_TIMER);
		vcpu_todo(vcpu, vapic_timer_expire(vcpu->apic, guest), NULL);
	}
	if (now >= vcpu_alarm_due(vcpu)) {
		vcpu->thread.alarm_at = 0;
		if (vcpu->vm->id == HOST_VM)
			syscall_end_wait(vcpu);
		else
			message_signal(vcpu);
	}
}

/* ---- into the guest ---- */

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
		count(vcpu, EVENT_INJECT_INTERRUPT);
		break;
	case INJECTED_NMI:
		count(vcpu, EVENT_INJECT_NMI);
		break;
	case INJECTED_FAULT:
		count(vcpu, EVENT_INJECT_EXCEPTION);
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
	        atomic_load(&vcpu->requests)) != 0;
}

/*
 * The owner's PUBLISH of the delivery protocol, barrier B (vapic/mail.h); the LOOK, has_mail(),
 * must follow. Partner: sched_notify.
 */
static ALWAYS_INLINE void publish(struct vcpu *vcpu)
{
	atomic_store_fence(&vcpu->state, vcpu->guest_state);
}

static void run_anew(void *vcpu)
{
	vcpu_run(vcpu);
}

/* Back to vcpu_run, on an empty stack. */
static NORETURN void turn_back(struct vcpu *vcpu)
{
	vcpu->vmx.pending |= ATTEND_TURNED;
	stack_switch(vcpu->vmx.stack_top, run_anew, vcpu);
}

/*
 * An entry turns back once. After that the guest is entered, whatever others have sent meanwhile:
 * else they could keep it out for ever. What is left over waits for a short timer's exit.
 */
static bool may_turn(const struct vcpu *vcpu)
{
	return (vcpu->vmx.pending & ATTEND_TURNED) == 0;
}

/* A deadline that is past again after a round exits as soon as the processor can count. */
static void take_deadline(struct vcpu *vcpu)
{
	u64 now = rdtsc();

	if (now >= vcpu->deadline && may_turn(vcpu))
		turn_back(vcpu);
	vcpu_set_timer(vcpu, now);
}

static ALWAYS_INLINE NORETURN void enter(struct vcpu *vcpu)
{
	u64 legs = vcpu->exit_ticks;

	vcpu->exit_ticks = 0;
	vcpu->vmx.pending &= ~(ATTEND_LEGS | ATTEND_TURNED);
	account_stretch_of(vcpu->rq, account_exit(vcpu, vcpu->exit, legs, rdtsc()));
	vmx_enter(&vcpu->vmx);
}

static NORETURN void attend(struct vcpu *vcpu);

/*
 * Senders that never pause would let the guest execute next to nothing: a kick would be pending at
 * each entry. So kicks under way are taken in a window, nobody sends further ones to RUN_BRIEF, and
 * a timer ends the run. Comes where mail is found three times in one exit, and after each 256 kicks
 * between which the guest has had less time than as many brief runs (exit_external_interrupt).
 */
static NORETURN void enter_briefly(struct vcpu *vcpu)
{
	u32 pending = vcpu->vmx.pending & ~ATTEND_BRIEF;

	atomic_store_fence(&vcpu->state, (u32)RUN_BRIEF);
	sched_window(vcpu->rq);
	vcpu->deadline = rdtsc() + BRIEF_RUN;
	vcpu->vmx.pending = pending | ATTEND_DEADLINE | ATTEND_TURNED;
	attend(vcpu);
}

/* As attend() below, for what is not usual: vcpu_run, and all that has to do with PV EOI. */
static NOINLINE NORETURN void attend_apart(struct vcpu *vcpu)
{
	pv_eoi_settle(vcpu);
	if ((vcpu->vmx.pending & ATTEND_RUN) != 0)
		turn_back(vcpu);
	if ((vcpu->vmx.pending & ATTEND_BRIEF) != 0)
		enter_briefly(vcpu);
	if ((vcpu->vmx.pending & ATTEND_DEADLINE) != 0)
		take_deadline(vcpu);
	if ((vcpu->vmx.pending & PENDING_EVENTS) != 0)
		inject(vcpu);
	pv_eoi_offer(vcpu);
	enter(vcpu);
}

/* What stands in vmx.pending, then the guest. RUN_GUEST is published, there is no mail. */
static NORETURN void attend(struct vcpu *vcpu)
{
	u32 pending = vcpu->vmx.pending;

	if (unlikely((pending & ATTEND_APART) != 0)) {
		if (unlikely((pending & ATTEND_APART) != ATTEND_DEADLINE))
			attend_apart(vcpu);
		take_deadline(vcpu);
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
	if (may_turn(vcpu) || (atomic_load(&vcpu->requests) & ~REQUESTS_OF_GUESTS) != 0)
		return false;
	if ((atomic_and(&vcpu->requests, ~REQUEST_FLUSH) & REQUEST_FLUSH) != 0)
		pv_flush_own(vcpu);
	return true;
}

/*
 * RUN_GUEST is published, and there is mail: taken in RUN_HOST, then published anew. Mail that has
 * come by this second look makes the entry turn back, and a third time it waits for a short timer.
 */
static NOINLINE NORETURN void resume_with_mail(struct vcpu *vcpu)
{
	if (likely(atomic_load(&vcpu->requests) == 0)) {
		atomic_store(&vcpu->state, (u32)RUN_HOST);
		vcpu_take_mail(vcpu);
		publish(vcpu);
	}
	if (likely(!has_mail(vcpu)))
		attend(vcpu);
	if (may_wait(vcpu))
		enter_briefly(vcpu);
	atomic_store(&vcpu->state, (u32)RUN_HOST);
	turn_back(vcpu);
}

/* Something wants attention; it may be an event that the guest sent to its own mailbox. */
static NOINLINE NORETURN void resume_with_attention(struct vcpu *vcpu)
{
	if (unlikely(has_mail(vcpu)))
		resume_with_mail(vcpu);
	attend(vcpu);
}

/*
 * Any sender that has posted since the last entry has also kicked (vapic/mail.h); or RUN_BRIEF
 * stands, and its timer exits soon.
 */
NORETURN void vcpu_resume_guest(struct vcpu *vcpu)
{
	if (unlikely(vcpu->vmx.pending != 0))
		resume_with_attention(vcpu);
	account_stretch_of(vcpu->rq, account_exit(vcpu, vcpu->exit, 0, rdtsc()));
	vmx_enter(&vcpu->vmx);
}

NORETURN void vcpu_enter_guest(struct vcpu *vcpu)
{
	publish(vcpu);
	if (unlikely(has_mail(vcpu)))
		resume_with_mail(vcpu);
	attend(vcpu);
}

/* ---- everything that is not the fast path ---- */

static bool nmi_due(const struct vcpu *vcpu)
{
	return (vcpu->vmx.pending & PENDING_NMI) != 0 &&
	       (vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_NMI) == 0;
}

/*
 * An interrupt or NMI ends HLT if it could be delivered; kicks always do. A kick that comes before
 * the HLT it is meant for is kept: the guest looked at its lock, and halts a moment later.
 */
static void end_halt(struct vcpu *vcpu)
{
	if (vcpu->activity != ACTIVITY_HALT)
		return;
	if (apicv_interrupt_due(vcpu) || vcpu->kicked || nmi_due(vcpu))
		vcpu->activity = ACTIVITY_RUN;
	vcpu->kicked = false;
}

/* The earliest moment at which a vCPU with nothing to do has something to do. */
static u64 sleep_until(const struct vcpu *vcpu)
{
	u64 until = vcpu_alarm_due(vcpu);

	if (vcpu->activity == ACTIVITY_HALT)
		until = MIN(until, vcpu_timer_due(vcpu));
	if (vcpu->activity == ACTIVITY_FLUSH)
		until = MIN(until, pv_flush_next_look());
	if (vcpu->thread.busy && vcpu->thread.resume_at != 0)
		until = MIN(until, vcpu->thread.resume_at);
	return until;
}

static bool thread_ready(struct vcpu *vcpu, u64 now)
{
	if (!vcpu->thread.busy || now < vcpu->thread.resume_at)
		return false;
	vcpu->thread.resume_at = 0;
	return true;
}

NORETURN void vcpu_run(struct vcpu *vcpu)
{
	for (;;) {
		u64 now = rdtsc();
		u32 pending;

		atomic_store(&vcpu->state, (u32)RUN_HOST);
		sched_poll(vcpu->rq, now);
		pending = vcpu->vmx.pending;
		vcpu->vmx.pending = pending & ~(ATTEND_RUN | ATTEND_YIELD);
		if (unlikely((pending & ATTEND_EOI) != 0))
			pv_eoi_settle(vcpu);
		take_time(vcpu, now);
		if (vcpu->vm->id != HOST_VM && message_overdue(vcpu, now))
			vm_end(vcpu, END_MONITOR_TIMEOUT, message_spent(vcpu));
		if (atomic_load(&vcpu->requests) != 0)
			take_requests(vcpu);
		if (vapic_pending(vcpu->apic))
			vcpu_take_mail(vcpu);
		end_halt(vcpu);
		if (vcpu->activity == ACTIVITY_FLUSH)
			pv_flush_look(vcpu);
		if (sched_must_yield(vcpu->rq, now) || (pending & ATTEND_YIELD) != 0)
			sched_preempt(vcpu);
		vcpu_set_deadline(vcpu);
		if (thread_ready(vcpu, now))
			message_resume_thread(vcpu);
		if (vcpu->activity == ACTIVITY_RUN && !vcpu->thread.busy && !vcpu->paused)
			vcpu_enter_guest(vcpu);
		sched_block(vcpu, sleep_until(vcpu));
	}
}
