/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/vm.h"

#include "hv/kernel/ipi/apicv.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/printk.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/vm/dump.h"
#include "hv/kernel/user/events.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/vm/vm_build.h"

static struct vm vms[MAX_VMS];

struct vm *vm_get(u64 id)
{
	return id < MAX_VMS && atomic_load(&vms[id].state) != VM_NONE ? &vms[id] : NULL;
}

/* ---- checks ---- */

static bool name_valid(const char *name)
{
	size_t len = 0;

	while (len < VM_NAME_LEN && name[len] > ' ' && name[len] <= '~')
		len++;
	return len > 0 && len < VM_NAME_LEN && name[len] == '\0';
}

static bool numbers_valid(const struct vm_config *c)
{
	u64 online = BITS(core_count() - 1, 0);

	return c->vcpus >= 1 && c->vcpus <= MAX_VCPUS && c->apic < APIC_KINDS &&
	       (c->features & ~VM_FEATURES_ALL) == 0 && c->weight >= 1 && c->weight <= 1000 &&
	       c->budget <= 1000 && c->timer_floor <= 1000000 && c->cores != 0 &&
	       (c->cores & ~online) == 0 && c->memory >= VM_MEMORY_STEP &&
	       c->memory % VM_MEMORY_STEP == 0 && c->memory <= VM_MEMORY_MAX &&
	       c->args[ARGS_LEN - 1] == '\0';
}

/* Hardware-assisted paths are refused until they are there, rather than left out in silence. */
static bool features_offered(const struct vm_config *c)
{
	u32 offered = VM_PV_KVM | VM_PV_TAP | VM_COUNTERS;

	if ((machine()->features & MACHINE_APIC_ACCESS) != 0)
		offered |= VM_APIC_PAGE;
	if (apicv_offered((enum apic_kind)c->apic))
		offered |= VM_APICV;
	if ((c->features & offered & VM_APICV) != 0 && (machine()->features & MACHINE_POSTED) != 0)
		offered |= VM_POSTED;
	return (c->features & ~offered) == 0;
}

static s64 config_check(const struct vm_config *c)
{
	struct module module;

	if (!name_valid(c->name) || !numbers_valid(c))
		return SYS_EINVAL;
	if (!machine_module(c->monitor_module, &module) ||
	    !machine_module(c->image_module, &module))
		return SYS_ENOENT;
	for (u32 i = 0; i < VM_MODULES; i++)
		if (c->module[i] != MODULE_NONE && !machine_module(c->module[i], &module))
			return SYS_ENOENT;
	return features_offered(c) ? 0 : SYS_ENOTSUP;
}

/* ---- life ---- */

static struct vm *free_slot(void)
{
	for (u32 id = HOST_VM + 1; id < MAX_VMS; id++) {
		if (vms[id].state == VM_NONE) {
			vms[id] = (struct vm){ .id = id };
			return &vms[id];
		}
	}
	return NULL;
}

/* The VM that is being made, and why it will not be: root has one thread, so there is one. */
static struct vm *making;
static s64 failed;

static s64 begin_making(const struct vm_config *config)
{
	s64 error = config_check(config);

	if (error != 0)
		return error;
	making = free_slot();
	if (making == NULL)
		return SYS_EBUSY;
	making->config = *config;
	failed = 0;
	return SYS_AGAIN;
}

s64 vm_create(const struct vm_config *config)
{
	s64 result;

	if (making == NULL)
		return begin_making(config);
	result = failed == 0 ? vm_build(making) : vm_unbuild(making);
	if (result == SYS_AGAIN)
		return result;
	if (failed == 0 && result != 0) {
		failed = result;
		making->progress = (struct vm_progress){ 0 };
		return SYS_AGAIN;
	}
	result = failed;
	if (failed == 0) {
		atomic_store(&making->state, (u32)VM_CREATED);
		result = making->id;
	}
	making->progress = (struct vm_progress){ 0 };
	making = NULL;
	return result;
}

s64 vm_create_host(const struct module *program)
{
	struct vm *vm = &vms[HOST_VM];
	s64 error;

	/* Ten times a VM's weight: it has little to do, and who waits for it waits at a console. */
	vm->config = (struct vm_config){ .name = "root", .vcpus = 1, .cores = 1, .weight = 1000 };
	error = vm_build_host(vm, program);
	if (error == 0)
		atomic_store(&vm->state, (u32)VM_CREATED);
	return error;
}

s64 vm_start(struct vm *vm)
{
	if (atomic_load(&vm->state) != VM_CREATED)
		return SYS_EBUSY;
	atomic_store(&vm->live, vm->config.vcpus);
	atomic_store(&vm->state, (u32)VM_RUNNING);
	for (u32 i = 0; i < vm->config.vcpus; i++) {
		message_begin_time(vm->vcpu[i]);
		sched_add(vm->vcpu[i]);
	}
	return 0;
}

/* Every vCPU gets the order; each one is looked at, so that it sees it soon. */
static void request_all(struct vm *vm, u32 request)
{
	for (u32 i = 0; i < vm->config.vcpus; i++)
		sched_request(vm->vcpu[i], request);
}

/* True for the first who ends it: that one's reason stands. */
static bool claim_end(struct vm *vm, enum vm_end why, u32 vcpu, u64 value)
{
	u32 expected = END_NONE;

	if (!atomic_cas(&vm->ended, &expected, (u32)why))
		return false;
	vm->end = (struct root_event){
		.kind = EVENT_VM_END, .vm = vm->id, .vcpu = vcpu, .stop = why, .value = value
	};
	return true;
}

void vm_end(struct vcpu *vcpu, enum vm_end why, u64 value)
{
	struct vm *vm = vcpu->vm;

	if (!claim_end(vm, why, vcpu->index, value))
		return;
	dump_vcpu(vcpu, &vm->end.dump);
	vcpu->vmx.pending |= ATTEND_RUN;
	atomic_store(&vcpu->state, (u32)RUN_HOST); /* no need to be kicked by itself */
	request_all(vm, REQUEST_STOP);
}

/* Without root nobody is told and nobody makes VMs: the last words are ring 0's. */
static void end_without_root(const struct vm *vm)
{
	if (atomic_load(&vms[HOST_VM].state) != VM_ENDED)
		return;
	printk("\nvm %u %s has ended: %u, value %lu\n", vm->id, vm->config.name, vm->end.stop,
	       vm->end.value);
	for (u32 id = HOST_VM; id < MAX_VMS; id++)
		if (atomic_load(&vms[id].state) == VM_RUNNING)
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
	if (vm->id != HOST_VM)
		events_push(&end);
	end_without_root(vm);
}

s64 vm_stop(struct vm *vm)
{
	if (atomic_load(&vm->state) == VM_CREATED)
		return SYS_EBUSY;
	if (claim_end(vm, END_STOPPED, 0, 0))
		request_all(vm, REQUEST_STOP);
	return 0;
}

s64 vm_destroy(struct vm *vm)
{
	if (atomic_load(&vm->state) == VM_RUNNING)
		return SYS_EBUSY;
	if (vm_unbuild(vm) == SYS_AGAIN)
		return SYS_AGAIN;
	atomic_store(&vm->state, (u32)VM_NONE);
	events_push(&(struct root_event){ .kind = EVENT_VM_GONE, .vm = vm->id });
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

		halted = atomic_load(&v->state) == RUN_BLOCKED &&
		         (v->activity == ACTIVITY_SIPI ||
		          (v->activity == ACTIVITY_HALT && v->halted_deaf));
	}
	return halted;
}

s64 vm_signal(struct vm *vm)
{
	if (atomic_load(&vm->state) != VM_RUNNING)
		return SYS_ENOENT;
	sched_request(vm->vcpu[0], REQUEST_SIGNAL);
	return 0;
}

s64 vm_sample(struct vm *vm, u64 vcpu)
{
	if (atomic_load(&vm->state) != VM_RUNNING || vcpu >= vm->config.vcpus)
		return SYS_ENOENT;
	sched_request(vm->vcpu[vcpu], REQUEST_SAMPLE);
	return 0;
}
