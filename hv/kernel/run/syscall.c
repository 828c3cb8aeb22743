/* SPDX-License-Identifier: MIT */
/*
 * System calls: one table of what there is and who may; each call checks its arguments before it
 * changes anything. A call's result goes to RAX of the caller's registers.
 */
#include "hv/abi/syscall.h"

#include "hv/kernel/sched/account.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/base/atomic.h"
#include "hv/base/frames.h"
#include "hv/kernel/build/build.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/user.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/exit/memory.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/vm/events.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/user/root.h"
#include "hv/kernel/user/thread.h"
#include "hv/kernel/run/entry.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/run/run.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/arch.h"

#define SYSCALL_LENGTH 2 /* of int 0x80 */

/* Times a program may ask for: far enough, and no sum overflows. */
#define LONGEST (1ull << 60)

/* NULL: not for this caller. */
struct call {
	s64 (*monitor)(struct vcpu *caller, u64 a, u64 b);
	s64 (*root)(u64 a, u64 b);
};

/* ---- monitors ---- */

static s64 sys_reply_wait(struct vcpu *caller, UNUSED u64 a, UNUSED u64 b)
{
	message_reply(caller);
	return (s64)caller->task.thread.regs.rax;
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
	notify_targets(caller, IPI_MSI, (u32)data >> 8, todo, &fx);
	return fx.sent.posted + fx.sent.coalesced;
}

static s64 sys_output(UNUSED struct vcpu *caller, UNUSED u64 a, UNUSED u64 b)
{
	events_output();
	return 0;
}

static s64 sys_alarm(struct vcpu *caller, u64 ticks, UNUSED u64 b)
{
	caller->task.thread.alarm_at = ticks == 0 ? 0
	                                          : caller->task.rq->stamp + MIN(ticks, LONGEST);
	caller->vmx.pending |= ATTEND_RUN; /* for its deadline */
	return 0;
}

static s64 sys_pmi(struct vcpu *caller, UNUSED u64 a, UNUSED u64 b)
{
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
	u32 size = size_at(gpa, caller->task.thread.regs.rdx);

	return size == 0 ? SYS_EINVAL : guest_apic_access(caller, gpa, true, size, value);
}

static s64 sys_store(struct vcpu *caller, u64 linear, u64 value)
{
	u32 size = size_at(linear, caller->task.thread.regs.rdx);

	if (size == 0)
		return SYS_EINVAL;
	return guest_store(caller, linear, value, size) ? 0 : SYS_ENOENT;
}

static s64 sys_sleep(struct vcpu *caller, u64 ticks, UNUSED u64 b)
{
	if (ticks == 0)
		caller->vmx.pending |= ATTEND_RUN | ATTEND_YIELD;
	else
		message_sleep(caller, MIN(ticks, LONGEST));
	return 0;
}

static s64 sys_exit(struct vcpu *caller, u64 code, UNUSED u64 b)
{
	vm_end(caller, END_MONITOR_PROTOCOL, code);
	return 0;
}

/* ---- root ---- */

static s64 root_sleep(u64 ticks, UNUSED u64 b)
{
	if (ticks == 0)
		*root_task.attend |= ATTEND_RUN | ATTEND_YIELD;
	else
		thread_sleep(&root_task, MIN(ticks, LONGEST));
	return 0;
}

static s64 sys_wait(u64 ticks, UNUSED u64 b)
{
	return root_wait(MIN(ticks, LONGEST));
}

static s64 sys_vm_create(UNUSED u64 a, UNUSED u64 b)
{
	struct vm_config config = *(volatile struct vm_config *)(void *)root_task.thread.page->data;

	return vm_create(&config);
}

/* The calls that name a VM. */
static s64 sys_vm(u64 id, u64 argument)
{
	struct vm *vm = vm_get(id);

	if (vm == NULL)
		return SYS_ENOENT;
	switch (root_task.thread.regs.rax) {
	case SYS_VM_START:
		return vm_start(vm);
	case SYS_VM_STOP:
		return vm_stop(vm);
	case SYS_VM_DESTROY:
		return vm_destroy(vm);
	case SYS_VM_PAUSE:
		return argument > 1 ? SYS_EINVAL : vm_pause(vm, argument != 0);
	case SYS_VM_SAMPLE:
		return vm_order(vm, argument, REQUEST_SAMPLE);
	default:
		return vm_order(vm, 0, REQUEST_SIGNAL);
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

static s64 sys_query(u64 what, u64 argument)
{
	switch (what) {
	case QUERY_FREE_FRAMES:
		return (s64)frames_free_count();
	case QUERY_NOW:
		return (s64)root_task.rq->stamp;
	case QUERY_VM_STATE:
		return query_state(argument);
	default:
		return SYS_EINVAL;
	}
}

static s64 sys_power(u64 action, UNUSED u64 b)
{
	if (action >= POWER_ACTIONS)
		return SYS_EINVAL;
	if (action == POWER_REBOOT)
		machine_reset();
	machine_end();
}

static s64 root_exit(u64 code, UNUSED u64 b)
{
	root_end(END_MONITOR_PROTOCOL, code);
	return 0;
}

static const struct call calls[SYSCALLS] = {
	[SYS_REPLY_WAIT] = { .monitor = sys_reply_wait },
	[SYS_MSI] = { .monitor = sys_msi },
	[SYS_OUTPUT] = { .monitor = sys_output },
	[SYS_ALARM] = { .monitor = sys_alarm },
	[SYS_PMI] = { .monitor = sys_pmi },
	[SYS_APIC_READ] = { .monitor = sys_apic_read },
	[SYS_APIC_WRITE] = { .monitor = sys_apic_write },
	[SYS_STORE] = { .monitor = sys_store },
	[SYS_SLEEP] = { sys_sleep, root_sleep },
	[SYS_WAIT] = { .root = sys_wait },
	[SYS_VM_CREATE] = { .root = sys_vm_create },
	[SYS_VM_START] = { .root = sys_vm },
	[SYS_VM_STOP] = { .root = sys_vm },
	[SYS_VM_DESTROY] = { .root = sys_vm },
	[SYS_VM_PAUSE] = { .root = sys_vm },
	[SYS_VM_SIGNAL] = { .root = sys_vm },
	[SYS_VM_SAMPLE] = { .root = sys_vm },
	[SYS_QUERY] = { .root = sys_query },
	[SYS_POWER] = { .root = sys_power },
	[SYS_EXIT] = { sys_exit, root_exit },
};

/* ---- everything that ends ring 3 ---- */

static void refuse(struct task *caller, u64 number)
{
	struct root_event event = { .kind = ROOT_EVENT_SYSCALL_DENIED,
		                    .vm = caller->vm,
		                    .vcpu = caller->counters->vcpu,
		                    .value = number };

	/* Told once a process: a program in a loop, or in many threads, shall not fill the ring. */
	task_count(caller, COUNT_SYSCALL_REFUSED);
	if (atomic_swap(&caller->process->denied, 1u) == 0)
		events_push(&event);
	caller->thread.regs.rax = (u64)(number < SYSCALLS ? SYS_EPERM : SYS_ENOSYS);
}

/* A call that is not done leaves all registers and goes back to its INT. */
static ALWAYS_INLINE void take_result(struct user_regs *regs, s64 result)
{
	if (unlikely(result == SYS_AGAIN))
		regs->rip -= SYSCALL_LENGTH;
	else
		regs->rax = (u64)result;
}

static void monitor_call(struct vcpu *caller, struct user_regs *regs, u64 number)
{
	if (unlikely(number >= SYSCALLS) || unlikely(calls[number].monitor == NULL))
		refuse(&caller->task, number);
	else
		take_result(regs, calls[number].monitor(caller, regs->rdi, regs->rsi));
}

static void root_call(struct user_regs *regs, u64 number)
{
	if (number >= SYSCALLS || calls[number].root == NULL)
		refuse(&root_task, number);
	else
		take_result(regs, calls[number].root(regs->rdi, regs->rsi));
}

/* True: it was an interrupt of the host's. */
static NOINLINE bool interrupted(struct task *task, u64 vector)
{
	if (vector < VECTOR_POSTED || vector > VECTOR_TIMER)
		return false;
	lapic_eoi();
	sched_interrupted(task, vector);
	return true;
}

static NOINLINE NORETURN void root_trap(struct user_regs *regs)
{
	if (regs->vector == VECTOR_SYSCALL)
		root_call(regs, regs->rax);
	else if (!interrupted(&root_task, regs->vector) && regs->vector < 32)
		root_end(END_MONITOR_FAULT, regs->vector);
	run_on(&root_task, AFTER_RUN);
}

NORETURN void user_trap(struct user_regs *regs)
{
	struct task *task = container_of(regs, struct task, thread.regs);
	struct vcpu *vcpu = vcpu_of_task(task);
	bool call = regs->vector == VECTOR_SYSCALL;

	account_leg(task, TIME_MONITOR, rdtsc());
	account_closed(task->rq, task->rq->stamp,
	               call ? STRETCH_SYSCALL | (u8)regs->rax : STRETCH_TRAP | (u8)regs->vector);
	if (unlikely(task == &root_task))
		root_trap(regs);
	if (likely(call))
		monitor_call(vcpu, regs, regs->rax);
	else if (!interrupted(task, regs->vector) && regs->vector < 32)
		vm_end(vcpu, END_MONITOR_FAULT, regs->vector);
	if (likely(!task->thread.busy && vcpu->activity == ACTIVITY_RUN && !vcpu->paused))
		vcpu_enter_guest(vcpu);
	run_on(task, AFTER_RUN);
}
