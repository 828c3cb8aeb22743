/* SPDX-License-Identifier: MIT */
#include "hv/kernel/run/run.h"

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/kernel/exit/mail.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/run/entry.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/user/root.h"
#include "hv/kernel/user/thread.h"
#include "hv/kernel/vcpu/loaded.h"
#include "hv/kernel/vm/dump.h"
#include "hv/kernel/pv/pv.h"
#include "hv/kernel/vm/vm.h"
#include "hv/kernel/build/build.h"
#include "vmx/vmcs.h"

/* ---- what others asked of us ---- */

/* All but REQUEST_STOP. */
static void take_requests(struct vcpu *vcpu, u32 requests)
{
	if ((requests & REQUEST_PAUSE) != 0)
		vcpu->paused = atomic_load(&vcpu->vm->paused) != 0;
	if ((requests & REQUEST_SIGNAL) != 0)
		vcpu->task.thread.alarm_at = 1; /* long past: due at once */
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
		count(vcpu, COUNT_TIMER);
		vcpu_todo(vcpu, vapic_timer_expire(vcpu->apic, guest), NULL);
	}
	if (now >= thread_alarm(&vcpu->task.thread)) {
		vcpu->task.thread.alarm_at = 0;
		message_signal(vcpu);
	}
}

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

/* ---- a round ---- */

/* The earliest moment at which a vCPU with nothing to do has something to do. */
static u64 sleep_until(const struct vcpu *vcpu)
{
	u64 until = thread_due(&vcpu->task.thread);

	if (vcpu->activity == ACTIVITY_HALT)
		until = MIN(until, vcpu_timer_due(vcpu));
	if (vcpu->activity == ACTIVITY_FLUSH)
		until = MIN(until, pv_flush_next_look());
	return until;
}

/* REQUEST_STOP: the vCPU gives up its core for good. */
static void leave(struct vcpu *vcpu)
{
	struct root_event *end = &vcpu->vm->end;

	if (end->vcpu == vcpu->index && end->stop != END_STOPPED)
		dump_vcpu(vcpu, &end->dump);
	sched_leave(&vcpu->task);
	vcpu_unload(vcpu->task.rq, vcpu);
	pt_activate(kernel_page_table()); /* the process's tables may be freed from here on */
	vm_vcpu_left(vcpu);
}

/* Takes up all that has come for the vCPU. False: it has left its core for good. */
static bool take_all(struct vcpu *vcpu, u64 now)
{
	u32 requests;

	if (unlikely((vcpu->vmx.pending & ATTEND_EOI) != 0))
		pv_eoi_settle(vcpu);
	take_time(vcpu, now);
	if (message_overdue(vcpu, now))
		vm_end(vcpu, END_MONITOR_TIMEOUT, message_spent(vcpu));
	if (atomic_load(&vcpu->task.requests) != 0) {
		requests = atomic_swap(&vcpu->task.requests, 0u);
		if ((requests & REQUEST_STOP) != 0) {
			leave(vcpu);
			return false;
		}
		take_requests(vcpu, requests);
	}
	if (vapic_pending(vcpu->apic))
		vcpu_take_mail(vcpu);
	end_halt(vcpu);
	if (vcpu->activity == ACTIVITY_FLUSH)
		pv_flush_look(vcpu);
	return true;
}

static NOINLINE enum after vcpu_run(struct vcpu *vcpu)
{
	for (;;) {
		u64 now = rdtsc();
		u32 pending;

		atomic_store(&vcpu->task.state, (u32)RUN_HOST);
		sched_poll(vcpu->task.rq, now);
		pending = vcpu->vmx.pending;
		vcpu->vmx.pending = pending & ~(ATTEND_RUN | ATTEND_YIELD);
		if (!take_all(vcpu, now))
			return AFTER_SWITCH;
		if (sched_must_yield(vcpu->task.rq, now) || (pending & ATTEND_YIELD) != 0) {
			sched_preempt(&vcpu->task);
			pv_leave(vcpu);
			return AFTER_SWITCH;
		}
		vcpu_set_deadline(vcpu);
		if (thread_ready(&vcpu->task.thread, now))
			return AFTER_THREAD;
		if (vcpu->activity == ACTIVITY_RUN && !vcpu->task.thread.busy && !vcpu->paused)
			return AFTER_ENTER;
		if (sched_block(&vcpu->task, sleep_until(vcpu))) {
			pv_leave(vcpu);
			return AFTER_SWITCH;
		}
	}
}

/* ---- what comes after ---- */

static NOINLINE struct task *switch_to_next(void)
{
	struct run_queue *rq = this_queue();
	struct task *next = sched_next(rq);
	struct vcpu *vcpu = vcpu_of_task(next);

	if (next == &root_task) {
		vcpu_hide(rq);
		sched_begin(next);
		return next;
	}
	if (unlikely(!vcpu->prepared))
		vm_prepare_vcpu(vcpu);
	vcpu_load(rq, vcpu);
	sched_begin(next);
	vcpu_set_deadline(vcpu);
	return next;
}

NORETURN void run_on(struct task *task, enum after after)
{
	for (;;) {
		if (after == AFTER_ENTER)
			vcpu_enter_guest(vcpu_of_task(task));
		else if (after == AFTER_THREAD)
			thread_resume(task);
		else if (after == AFTER_SWITCH)
			task = switch_to_next();
		after = task == &root_task ? root_run() : vcpu_run(vcpu_of_task(task));
	}
}

/* The usual end of an exit first: it has nothing to save for what comes later. */
NORETURN void vmx_after_exit(struct vmx_vcpu *vmx, enum after after)
{
	struct vcpu *vcpu = vcpu_of(vmx);

	if (likely(after == AFTER_RESUME))
		vcpu_resume_guest(vcpu);
	else if (likely(after == AFTER_THREAD))
		thread_resume(&vcpu->task);
	run_on(&vcpu->task, after);
}
