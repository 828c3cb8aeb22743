/* SPDX-License-Identifier: MIT */
#include "hv/kernel/user/message.h"

#include "hv/base/bits.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/user/thread.h"
#include "hv/kernel/vm/dump.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/inject.h"
#include "vmx/start.h"

/* How long a monitor may work on one message, by its own time: what it executes and how long it
 * sleeps by its own wish. */
#define PATIENCE_SECONDS 10u

static void begin(struct vcpu *vcpu, enum message_kind kind, u64 address, u64 value)
{
	struct pending_access *access = &vcpu->access;
	struct message *m = &vcpu->task.thread.page->message;

	access->kind = kind;
	m->kind = kind;
	m->vcpu = vcpu->index;
	m->address = address;
	m->size = access->size;
	m->write = access->write;
	m->value = value;
	m->now = vcpu->task.rq->stamp;
	vcpu->task.thread.busy = true;
	vcpu->task.thread.waiting = false;
	message_begin_time(vcpu);
	vcpu->task.thread.regs.rax = 0;
	count(vcpu, COUNT_MESSAGE);
}

void message_access(struct vcpu *vcpu, u64 address, u64 value)
{
	begin(vcpu, vcpu->access.kind, address, value);
}

void message_instruction(struct vcpu *vcpu, u64 address)
{
	dump_vcpu(vcpu, &((struct insn_message *)(void *)vcpu->task.thread.page->data)->cpu);
	begin(vcpu, MSG_INSTRUCTION, address, 0);
}

void message_eoi(struct vcpu *vcpu, u8 vector)
{
	vcpu->vmx.pending |= ATTEND_RUN;
	begin(vcpu, MSG_EOI, 0, vector);
}

void message_signal(struct vcpu *vcpu)
{
	count(vcpu, COUNT_SIGNAL);
	begin(vcpu, MSG_SIGNAL, 0, 0);
}

void message_begin_time(struct vcpu *vcpu)
{
	vcpu->task.thread.began = vcpu->task.counters->time[TIME_MONITOR];
	vcpu->task.thread.slept = 0;
}

u64 message_spent(const struct vcpu *vcpu)
{
	return vcpu->task.counters->time[TIME_MONITOR] - vcpu->task.thread.began +
	       vcpu->task.thread.slept;
}

static u64 patience(void)
{
	return clock_get()->tsc_hz * PATIENCE_SECONDS;
}

bool message_overdue(const struct vcpu *vcpu, u64 now)
{
	return vcpu->task.thread.busy && now >= vcpu->task.thread.resume_at &&
	       message_spent(vcpu) >= patience();
}

void message_sleep(struct vcpu *vcpu, u64 ticks)
{
	u64 spent = message_spent(vcpu);
	u64 left = patience() > spent ? patience() - spent : 0;

	thread_sleep(&vcpu->task, MIN(ticks, left));
}

/* ---- replies ---- */

static void reply_start(struct vcpu *vcpu, const struct taken_reply *reply)
{
	struct vcpu_start start =
		*(volatile struct vcpu_start *)&vcpu->task.thread.page->reply.start;

	if (reply->action != REPLY_START || !vmx_start_image(&vcpu->vmx, &start)) {
		vm_end(vcpu, END_MONITOR_PROTOCOL, reply->action);
		return;
	}
	vcpu->started = true;
	vcpu->activity = ACTIVITY_RUN;
}

/* The ends that a monitor may declare: those of its devices and of its loader. */
static bool may_declare(u32 end)
{
	return end == END_DEBUG_EXIT || end == END_POWER_OFF || end == END_IMAGE ||
	       end == END_INSTRUCTION || end == END_UNREACHABLE;
}

/* An access that may have found nothing. */
static void finish_counted(struct vcpu *vcpu, finish_access finish, const struct taken_reply *reply)
{
	if (reply->stop != 0)
		guest_refused(vcpu, vcpu->access.unclaimed,
		              vcpu->task.thread.page->message.address);
	finish(vcpu, reply);
}

/* All that a reply can say; the sender of the message waits for it. */
static NOINLINE void carry_out(struct vcpu *vcpu, u32 kind, finish_access finish,
                               const struct taken_reply *reply)
{
	if (reply->action == REPLY_STOP && may_declare(reply->stop))
		vm_end(vcpu, (enum vm_end)reply->stop, reply->value);
	else if (reply->action == REPLY_RESET)
		vm_end(vcpu, END_RESET, 0);
	else if (kind == MSG_START)
		reply_start(vcpu, reply);
	else if (reply->action != REPLY_RESUME)
		vm_end(vcpu, END_MONITOR_PROTOCOL, reply->action);
	else if (finish != NULL)
		finish_counted(vcpu, finish, reply);
}

/* No message is out: the first call asks for one, and gets it. */
static NOINLINE void begin_start(struct vcpu *vcpu)
{
	if (vcpu->index == 0 && !vcpu->started)
		begin(vcpu, MSG_START, 0, 0);
}

void message_reply(struct vcpu *vcpu)
{
	/* Copied first: the monitor's other threads can write to that page at any moment. */
	const volatile struct reply *page = &vcpu->task.thread.page->reply;
	const struct taken_reply reply = { page->action, page->stop, page->value };
	finish_access finish = vcpu->access.finish;
	u32 kind = vcpu->access.kind;

	vcpu->task.thread.busy = false;
	vcpu->task.thread.waiting = true;
	vcpu->access.kind = MSG_NONE;
	vcpu->access.finish = NULL;
	if (unlikely(kind == MSG_NONE))
		begin_start(vcpu);
	else if (likely((reply.action | reply.stop) == 0) && likely(finish != NULL))
		finish(vcpu, &reply); /* what nearly all replies say */
	else
		carry_out(vcpu, kind, finish, &reply);
}
