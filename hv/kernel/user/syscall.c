/* SPDX-License-Identifier: MIT */
/*
 * System calls: one table of what there is and who may; each call checks its arguments before it
 * changes anything. A call's result goes to RAX of the caller's registers.
 */
#include "hv/kernel/user/syscall.h"

#include "hv/kernel/sched/account.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/base/atomic.h"
#include "hv/base/frames.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/user.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/exit/memory.h"
#include "hv/kernel/ipi/deliver.h"
#include "hv/kernel/user/events.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vcpu/run.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/arch.h"

#define FOR_MONITOR BIT32(0)
#define FOR_ROOT    BIT32(1)

#define SYSCALL_LENGTH 2 /* of int 0x80 */

/* Times a program may ask for: far enough, and no sum overflows. */
#define LONGEST (1ull << 60)

struct call {
	u32 who;
	s64 (*run)(struct vcpu *caller, u64 a, u64 b);
};

static u64 deadline_in(const struct vcpu *vcpu, u64 ticks)
{
	return vcpu->rq->stamp + (ticks < LONGEST ? ticks : LONGEST);
}

/* ---- monitors ---- */

static s64 sys_reply_wait(struct vcpu *caller, u64 a, u64 b)
{
	(void)a, (void)b;
	message_reply(caller);
	return (s64)caller->thread.regs.rax;
}

static s64 sys_msi(struct vcpu *caller, u64 address, u64 data)
{
	struct vapic_effects fx;
	u32 todo;

	if ((data & APIC_ICR_LEVEL) != 0 && !apicv_level(caller->vm))
		return SYS_AGAIN;
	todo = vapic_msi(&caller->vm->bus, address, (u32)data, &fx);
	if ((todo & VAPIC_SENT) == 0)
		return 0;
	deliver(caller, IPI_MSI, (u32)data >> 8, todo, &fx);
	return fx.sent.posted + fx.sent.coalesced;
}

static s64 sys_output(struct vcpu *caller, u64 a, u64 b)
{
	(void)caller, (void)a, (void)b;
	events_output();
	return 0;
}

static s64 sys_alarm(struct vcpu *caller, u64 ticks, u64 b)
{
	(void)b;
	caller->thread.alarm_at = ticks == 0 ? 0 : deadline_in(caller, ticks);
	caller->vmx.pending |= ATTEND_RUN; /* for its deadline */
	return 0;
}

static s64 sys_pmi(struct vcpu *caller, u64 a, u64 b)
{
	(void)a, (void)b;
	vcpu_todo(caller, vapic_lvt_raise(caller->apic, VAPIC_LVT_PMI), NULL);
	return 0;
}

/* Bytes of an access, or 0 where it is none of one page. */
static u32 size_at(u64 address, u64 size)
{
	return size >= 1 && size <= 8 && (address & PAGE_MASK) + size <= PAGE_SIZE ? (u32)size : 0;
}

static s64 sys_apic_read(struct vcpu *caller, u64 gpa, u64 bytes)
{
	u32 size = size_at(gpa, bytes);

	return size == 0 ? SYS_EINVAL : guest_apic_access(caller, gpa, false, size, 0);
}

static s64 sys_apic_write(struct vcpu *caller, u64 gpa, u64 value)
{
	u32 size = size_at(gpa, caller->thread.regs.rdx);

	return size == 0 ? SYS_EINVAL : guest_apic_access(caller, gpa, true, size, value);
}

static s64 sys_store(struct vcpu *caller, u64 linear, u64 value)
{
	u32 size = size_at(linear, caller->thread.regs.rdx);

	if (size == 0)
		return SYS_EINVAL;
	return guest_store(caller, linear, value, size) ? 0 : SYS_ENOENT;
}

static s64 sys_sleep(struct vcpu *caller, u64 ticks, u64 b)
{
	(void)b;
	caller->thread.regs.rax = 0;
	if (ticks == 0)
		caller->vmx.pending |= ATTEND_RUN | ATTEND_YIELD;
	else
		message_sleep(caller, MIN(ticks, LONGEST));
	return 0;
}

/* ---- root ---- */

static s64 sys_wait(struct vcpu *caller, u64 ticks, u64 b)
{
	struct root_event *event = (struct root_event *)(void *)caller->thread.page->data;

	(void)b;
	if (events_take(event))
		return 1;
	caller->thread.busy = false;
	caller->thread.waiting = true;
	caller->thread.alarm_at = ticks == 0 ? 0 : deadline_in(caller, ticks);
	return 0;
}

void syscall_end_wait(struct vcpu *root)
{
	struct root_event *event = (struct root_event *)(void *)root->thread.page->data;

	root->thread.regs.rax = events_take(event) ? 1 : 0;
	root->thread.busy = true;
	root->thread.waiting = false;
}

static s64 sys_vm_create(struct vcpu *caller, u64 a, u64 b)
{
	struct vm_config config = *(volatile struct vm_config *)(void *)caller->thread.page->data;

	(void)a, (void)b;
	return vm_create(&config);
}

/* The calls that name a VM. */
static s64 sys_vm(struct vcpu *caller, u64 id, u64 argument)
{
	struct vm *vm = id == HOST_VM ? NULL : vm_get(id);

	if (vm == NULL)
		return SYS_ENOENT;
	switch (caller->thread.regs.rax) {
	case SYS_VM_START:
		return vm_start(vm);
	case SYS_VM_STOP:
		return vm_stop(vm);
	case SYS_VM_DESTROY:
		return vm_destroy(vm);
	case SYS_VM_PAUSE:
		return argument > 1 ? SYS_EINVAL : vm_pause(vm, argument != 0);
	case SYS_VM_SAMPLE:
		return vm_sample(vm, argument);
	default:
		return vm_signal(vm);
	}
}

static s64 query_state(u64 id)
{
	struct vm *vm = vm_get(id);

	if (vm == NULL)
		return VM_NONE;
	if (atomic_load(&vm->paused) != 0)
		return VM_PAUSED;
	return vm_is_halted(vm) ? VM_HALTED : (s64)atomic_load(&vm->state);
}

static s64 sys_query(struct vcpu *caller, u64 what, u64 argument)
{
	switch (what) {
	case QUERY_FREE_FRAMES:
		return (s64)frames_free_count();
	case QUERY_NOW:
		return (s64)caller->rq->stamp;
	case QUERY_VM_STATE:
		return query_state(argument);
	default:
		return SYS_EINVAL;
	}
}

static s64 sys_power(struct vcpu *caller, u64 action, u64 b)
{
	(void)caller, (void)b;
	if (action >= POWER_ACTIONS)
		return SYS_EINVAL;
	if (action == POWER_REBOOT)
		machine_reset();
	machine_end();
}

static s64 sys_exit(struct vcpu *caller, u64 code, u64 b)
{
	(void)b;
	vm_end(caller, END_MONITOR_PROTOCOL, code);
	return 0;
}

static const struct call calls[SYSCALLS] = {
	[SYS_REPLY_WAIT] = { FOR_MONITOR, sys_reply_wait },
	[SYS_MSI] = { FOR_MONITOR, sys_msi },
	[SYS_OUTPUT] = { FOR_MONITOR, sys_output },
	[SYS_ALARM] = { FOR_MONITOR, sys_alarm },
	[SYS_PMI] = { FOR_MONITOR, sys_pmi },
	[SYS_APIC_READ] = { FOR_MONITOR, sys_apic_read },
	[SYS_APIC_WRITE] = { FOR_MONITOR, sys_apic_write },
	[SYS_STORE] = { FOR_MONITOR, sys_store },
	[SYS_SLEEP] = { FOR_MONITOR | FOR_ROOT, sys_sleep },
	[SYS_WAIT] = { FOR_ROOT, sys_wait },
	[SYS_VM_CREATE] = { FOR_ROOT, sys_vm_create },
	[SYS_VM_START] = { FOR_ROOT, sys_vm },
	[SYS_VM_STOP] = { FOR_ROOT, sys_vm },
	[SYS_VM_DESTROY] = { FOR_ROOT, sys_vm },
	[SYS_VM_PAUSE] = { FOR_ROOT, sys_vm },
	[SYS_VM_SIGNAL] = { FOR_ROOT, sys_vm },
	[SYS_VM_SAMPLE] = { FOR_ROOT, sys_vm },
	[SYS_QUERY] = { FOR_ROOT, sys_query },
	[SYS_POWER] = { FOR_ROOT, sys_power },
	[SYS_EXIT] = { FOR_MONITOR | FOR_ROOT, sys_exit },
};

static s64 refuse(struct vcpu *caller, u64 number, s64 error)
{
	struct root_event event = { .kind = EVENT_SYSCALL_DENIED,
		                    .vm = caller->vm->id,
		                    .vcpu = caller->index,
		                    .value = number };

	/* Told once a VM: a program in a loop, or in many threads, shall not fill the ring. */
	count(caller, EVENT_SYSCALL_REFUSED);
	if (atomic_swap(&caller->vm->denied, 1u) == 0)
		events_push(&event);
	return error;
}

/* A call that is not done leaves all registers and goes back to its INT. */
static void run_call(struct vcpu *caller, const struct call *call)
{
	struct user_regs *regs = &caller->thread.regs;
	s64 result = call->run(caller, regs->rdi, regs->rsi);

	if (result == SYS_AGAIN)
		regs->rip -= SYSCALL_LENGTH;
	else
		regs->rax = (u64)result;
}

static void syscall(struct vcpu *caller)
{
	struct user_regs *regs = &caller->thread.regs;
	u32 role = caller->vm->id == HOST_VM ? FOR_ROOT : FOR_MONITOR;
	u64 number = regs->rax;

	caller->rq->closed_by = STRETCH_SYSCALL | (u8)number;
	if (number >= SYSCALLS)
		regs->rax = (u64)refuse(caller, number, SYS_ENOSYS);
	else if ((calls[number].who & role) == 0)
		regs->rax = (u64)refuse(caller, number, SYS_EPERM);
	else
		run_call(caller, &calls[number]);
}

/* ---- everything that ends ring 3 ---- */

NORETURN void user_trap(struct user_regs *regs)
{
	struct vcpu *vcpu = vcpu_of_regs(regs);

	account_leg(vcpu, TIME_MONITOR, rdtsc());
	account_closed(vcpu->rq, vcpu->rq->stamp, STRETCH_TRAP | (u8)regs->vector);
	if (likely(regs->vector == VECTOR_SYSCALL)) {
		syscall(vcpu);
	} else if (regs->vector >= VECTOR_POSTED && regs->vector <= VECTOR_TIMER) {
		lapic_eoi();
		sched_interrupted(vcpu, regs->vector);
	} else if (regs->vector < 32) {
		vm_end(vcpu, END_MONITOR_FAULT, regs->vector);
	}
	if (likely(!vcpu->thread.busy && vcpu->activity == ACTIVITY_RUN && !vcpu->paused))
		vcpu_enter_guest(vcpu);
	run_on(vcpu, AFTER_RUN);
}
