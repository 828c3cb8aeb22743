/* SPDX-License-Identifier: MIT */
#include "hv/kernel/build/build.h"

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

s64 vm_make_vcpu(struct vm *vm, u64 i)
{
	u32 index = (u32)i;
	struct vcpu *vcpu = vm_alloc(vm, vm_frames_for(sizeof(*vcpu)), 1);
	void *counters = vm_alloc(vm, vm_frames_for(COUNTERS_STRIDE), 1);
	void *vmcs = vm_alloc(vm, 1, 1);
	void *xsave = vm_alloc(vm, vm_frames_for(vmx_xsave_size()), 1);
	struct vapic *apic = vm_alloc(vm, vm_frames_for(sizeof(*apic)), 1);

	if (vcpu == NULL || counters == NULL || vmcs == NULL || xsave == NULL || apic == NULL)
		return SYS_ENOMEM;
	vm->vcpu[index] = vcpu;
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->apic = apic;
	vcpu->activity = index == 0 ? ACTIVITY_NONE : ACTIVITY_SIPI;
	vcpu->started = index != 0;
	vcpu->guest_state = RUN_GUEST;
	vcpu->vmx.state.xsave = xsave;
	vcpu->vmx.vmcs = ptr_to_hpa(vmcs);
	vcpu->vmx.memory = vm->memory;
	vcpu->task.process = &vm->process;
	vcpu->task.attend = &vcpu->vmx.pending;
	vcpu->task.mail = &apic->mail.on;
	vcpu->task.events = &apic->mail.events;
	vcpu->task.sched.slice = vm->config.slice;
	vcpu->task.sched.weight = vm->config.weight;
	sched_setup(&vcpu->task, queue_for(vm, index), counters, vm->id, index);
	return vapic_setup(apic, &vm->bus, index, index, index == 0) ? 0 : SYS_ENOMEM;
}

s64 vm_make_bus(struct vm *vm, UNUSED u64 i)
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
	if (vm->bus.route == NULL || vm->bus.apic == NULL || vm->bus.index == NULL)
		return SYS_ENOMEM;
	return vapic_vm_setup(&vm->bus) ? 0 : SYS_ENOMEM;
}

void vm_prepare_vcpu(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct core *core = vcpu->task.rq->core;
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
		.cr3 = kernel_page_table().raw,
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
	vcpu->prepared = true;
}
