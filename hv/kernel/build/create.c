/* SPDX-License-Identifier: MIT */
/* VMs come and go: checks of what root asks for, making, start, unmaking. */
#include "hv/kernel/build/build.h"

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/events.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/vm/machine.h"

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
	for (u32 id = ROOT_VM + 1; id < MAX_VMS; id++) {
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

s64 vm_start(struct vm *vm)
{
	if (atomic_load(&vm->state) != VM_CREATED)
		return SYS_EBUSY;
	atomic_store(&vm->live, vm->config.vcpus);
	atomic_store(&vm->state, (u32)VM_RUNNING);
	for (u32 i = 0; i < vm->config.vcpus; i++) {
		message_begin_time(vm->vcpu[i]);
		sched_add(&vm->vcpu[i]->task);
	}
	return 0;
}

s64 vm_destroy(struct vm *vm)
{
	if (atomic_load(&vm->state) == VM_RUNNING)
		return SYS_EBUSY;
	if (vm_unbuild(vm) == SYS_AGAIN)
		return SYS_AGAIN;
	atomic_store(&vm->state, (u32)VM_NONE);
	events_push(&(struct root_event){ .kind = ROOT_EVENT_VM_GONE, .vm = vm->id });
	return 0;
}
