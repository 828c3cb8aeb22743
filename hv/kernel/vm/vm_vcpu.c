/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/vm_vcpu.h"

#include "hv/kernel/ipi/apicv.h"
#include "hv/base/memory.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/sched/sched.h"
#include "vmx/setup.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

/* vCPU i goes to the (i mod n)-th core of the set. */
static struct run_queue *queue_for(const struct vm *vm, u32 index)
{
	u64 set = vm->config.cores;

	for (u32 skip = index % bit_count(set); skip > 0; skip--)
		set &= set - 1;
	return &run_queues[bit_lowest(set)];
}

/* The vCPU itself, its APIC and its counters. */
bool vm_make_vcpu(struct vm *vm, u32 index)
{
	struct vcpu *vcpu = vm_alloc(vm, vm_frames_for(sizeof(*vcpu)), 1);

	if (vcpu == NULL)
		return false;
	vm->vcpu[index] = vcpu;
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->trace_id = TRACE_WHO(vm->id, index);
	vcpu->rq = queue_for(vm, index);
	vcpu->exit = &vcpu->uncounted;
	vcpu->activity = ACTIVITY_NONE;
	vcpu->guest_state = RUN_GUEST;
	vcpu->counters = vm_alloc(vm, vm_frames_for(COUNTERS_STRIDE), 1);
	vcpu->apic = vm_alloc(vm, vm_frames_for(sizeof(*vcpu->apic)), 1);
	if (vcpu->counters == NULL || vcpu->apic == NULL)
		return false;
	vcpu->apic->timer_due = VAPIC_NEVER;
	vcpu->counters->magic = COUNTERS_MAGIC;
	vcpu->counters->vm = vm->id;
	vcpu->counters->vcpu = index;
	vcpu->counters->core = vcpu->rq->core->index;
	vcpu->counters->size = sizeof(*vcpu->counters);
	return true;
}

/* What root's vCPU does without: VMCS, FPU state, guest memory. */
bool vm_make_guest_side(struct vm *vm, struct vcpu *vcpu)
{
	void *vmcs = vm_alloc(vm, 1, 1);

	vcpu->vmx.state.xsave = vm_alloc(vm, vm_frames_for(vmx_xsave_size()), 1);
	if (vmcs == NULL || vcpu->vmx.state.xsave == NULL)
		return false;
	vcpu->vmx.vmcs = ptr_to_hpa(vmcs);
	vcpu->vmx.memory = vm->memory;
	if (vcpu->index != 0) {
		vcpu->activity = ACTIVITY_SIPI;
		vcpu->started = true;
	}
	return vapic_setup(vcpu->apic, &vm->bus, vcpu->index, vcpu->index, vcpu->index == 0);
}

bool vm_make_bus(struct vm *vm)
{
	u32 n = vm->config.vcpus;

	vm->bus.count = n;
	vm->bus.ids = n;
	vm->bus.features = VAPIC_HAS_DEADLINE |
	                   (vm->config.apic == APIC_X2APIC ? VAPIC_HAS_X2APIC : 0u);
	vm->bus.timer_floor = vm->config.timer_floor * clock_get()->tsc_hz / 1000000;
	vm->bus.phys_bits = bit_count(vm->physical_mask);
	vm->bus.route = vm_alloc(vm, vm_frames_for(n * sizeof(*vm->bus.route)), 1);
	vm->bus.apic = vm_alloc(vm, vm_frames_for(n * sizeof(*vm->bus.apic)), 1);
	vm->bus.index = vm_alloc(vm, vm_frames_for(n * sizeof(*vm->bus.index)), 1);
	return vm->bus.route != NULL && vm->bus.apic != NULL && vm->bus.index != NULL &&
	       vapic_vm_setup(&vm->bus);
}

void vm_prepare_vcpu(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct core *core = vcpu->rq->core;
	const struct vmx_config config = {
		.caps = &machine()->caps,
		.ept = vm->ept.root,
		.vpid = (u16)(vm->id * MAX_VCPUS + vcpu->index + 1),
		.msr_bitmap = vm->msr_bitmap,
		.io_bitmaps = machine()->io_bitmaps,
		.apic_page = (vm->config.features & VM_APIC_PAGE) != 0 ? vm->apic_page : HPA(0),
		.virtual_apic = ptr_to_hpa(vcpu->apic->reg),
		.cr4_guest = vm->cpuid.cr4,
	};
	const struct vmx_host host = {
		.cr3 = kernel_root().raw,
		.gdt_base = (u64)(uintptr_t)core->gdt,
		.tss_base = (u64)(uintptr_t)&core->tss,
		.code = SEL_KERNEL_CODE,
		.data = SEL_KERNEL_DATA,
		.tss = SEL_TSS,
		.stack_top = core->stack_top,
	};

	if (!vmx_vcpu_setup(&vcpu->vmx, &config, &host))
		panic("VM %u vCPU %u: the VMCS was refused", vm->id, vcpu->index);
	apicv_prepare(vcpu);
	vcpu_stop_timer(vcpu);
	/* The same EPT root or VPID may have served a VM that is gone. */
	vmx_flush_ept();
	vmx_flush_vpid(vcpu->vmx.flush_vpid);
}
