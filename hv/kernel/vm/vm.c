/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/vm.h"

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/printk.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/vm/events.h"
#include "hv/kernel/sched/sched.h"

struct vm vms[MAX_VMS];

struct vm *vm_get(u64 id)
{
	return id < MAX_VMS && atomic_load(&vms[id].state) != VM_NONE ? &vms[id] : NULL;
}

/* Every vCPU gets the order; each one is looked at, so that it sees it soon. */
static void request_all(struct vm *vm, u32 request)
{
	for (u32 i = 0; i < vm->config.vcpus; i++)
		sched_request(&vm->vcpu[i]->task, request);
}

/* True for the first who ends it: that one's reason stands. */
static bool claim_end(struct vm *vm, enum vm_end why, u32 vcpu, u64 value)
{
	u32 expected = END_NONE;

	if (!atomic_cas(&vm->ended, &expected, (u32)why))
		return false;
	vm->end = (struct root_event){
		.kind = ROOT_EVENT_VM_END, .vm = vm->id, .vcpu = vcpu, .stop = why, .value = value
	};
	return true;
}

void vm_end(struct vcpu *vcpu, enum vm_end why, u64 value)
{
	struct vm *vm = vcpu->vm;

	if (!claim_end(vm, why, vcpu->index, value))
		return;
	vcpu->vmx.pending |= ATTEND_RUN;
	atomic_store(&vcpu->task.state, (u32)RUN_HOST); /* no need to be kicked by itself */
	request_all(vm, REQUEST_STOP);
}

void vm_last_words(u32 id, const char *name, u32 why, u64 value)
{
	printk("\nvm %u %s has ended: %u, value %lu\n", id, name, why, value);
	for (u32 i = ROOT_VM + 1; i < MAX_VMS; i++)
		if (atomic_load(&vms[i].state) == VM_RUNNING)
			return;
	panic("root has died, and no VM runs");
}

void vm_vcpu_left(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct root_event end;

	if (atomic_add(&vm->live, ~0u) != 1)
		return;
	end = vm->end; /* a copy: once it has ended, root may destroy it and use the slot again */
	atomic_store(&vm->state, (u32)VM_ENDED);
	events_push(&end);
	if (!events_are_read())
		vm_last_words(vm->id, vm->config.name, end.stop, end.value);
}

s64 vm_stop(struct vm *vm)
{
	if (atomic_load(&vm->state) == VM_CREATED)
		return SYS_EBUSY;
	if (claim_end(vm, END_STOPPED, 0, 0))
		request_all(vm, REQUEST_STOP);
	return 0;
}

s64 vm_pause(struct vm *vm, bool paused)
{
	if (atomic_load(&vm->state) != VM_RUNNING)
		return SYS_EBUSY;
	atomic_store(&vm->paused, (u32)paused);
	request_all(vm, REQUEST_PAUSE);
	return 0;
}

bool vm_is_halted(const struct vm *vm)
{
	bool halted = atomic_load(&vm->state) == VM_RUNNING;

	for (u32 i = 0; halted && i < vm->config.vcpus; i++) {
		const struct vcpu *v = vm->vcpu[i];

		halted = atomic_load(&v->task.state) == RUN_BLOCKED &&
		         (v->activity == ACTIVITY_SIPI ||
		          (v->activity == ACTIVITY_HALT && v->halted_deaf));
	}
	return halted;
}

s64 vm_order(struct vm *vm, u64 vcpu, u32 request)
{
	if (atomic_load(&vm->state) != VM_RUNNING || vcpu >= vm->config.vcpus)
		return SYS_ENOENT;
	sched_request(&vm->vcpu[vcpu]->task, request);
	return 0;
}
