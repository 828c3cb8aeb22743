/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/vm_build.h"

#include "hv/abi/hypercall.h"
#include "hv/kernel/ipi/apicv.h"
#include "hv/base/bits.h"
#include "hv/base/memory.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/user/root.h"
#include "hv/kernel/sched/sched.h"
#include "vmx/caps.h"
#include "vmx/controls.h"
#include "vmx/msr.h"
#include "vmx/setup.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

#define APIC_ADDRESS 0xfee00000ull
#define LARGE_FRAMES 512u

static u64 frames_for(u64 bytes)
{
	return align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT;
}

/* vCPU i goes to the (i mod n)-th core of the set. */
static struct run_queue *queue_for(const struct vm *vm, u32 index)
{
	u64 set = vm->config.cores;

	for (u32 skip = index % bit_count(set); skip > 0; skip--)
		set &= set - 1;
	return &run_queues[bit_lowest(set)];
}

static bool build_vcpu(struct vm *vm, u32 index)
{
	struct vcpu *vcpu = vm_alloc(vm, frames_for(sizeof(*vcpu)), 1);

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
	vcpu->counters = vm_alloc(vm, frames_for(COUNTERS_STRIDE), 1);
	vcpu->apic = vm_alloc(vm, frames_for(sizeof(*vcpu->apic)), 1);
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
static bool build_guest_side(struct vm *vm, struct vcpu *vcpu)
{
	void *vmcs = vm_alloc(vm, 1, 1);

	vcpu->vmx.state.xsave = vm_alloc(vm, frames_for(vmx_xsave_size()), 1);
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

static bool build_bus(struct vm *vm)
{
	u32 n = vm->config.vcpus;

	vm->bus.count = n;
	vm->bus.ids = n;
	vm->bus.features = VAPIC_HAS_DEADLINE |
	                   (vm->config.apic == APIC_X2APIC ? VAPIC_HAS_X2APIC : 0u);
	vm->bus.phys_bits = bit_count(vm->physical_mask);
	vm->bus.route = vm_alloc(vm, frames_for(n * sizeof(*vm->bus.route)), 1);
	vm->bus.apic = vm_alloc(vm, frames_for(n * sizeof(*vm->bus.apic)), 1);
	vm->bus.index = vm_alloc(vm, frames_for(n * sizeof(*vm->bus.index)), 1);
	return vm->bus.route != NULL && vm->bus.apic != NULL && vm->bus.index != NULL &&
	       vapic_vm_setup(&vm->bus);
}

static bool build_memory(struct vm *vm)
{
	u8 *base = vm_alloc(vm, vm->config.memory >> PAGE_SHIFT, LARGE_FRAMES);

	if (base == NULL)
		return false;
	vm->memory = (struct guest_memory){ base, vm->config.memory };
	vm->memory_at = ptr_to_hpa(base);
	if ((vm->config.features & (VM_APIC_PAGE | VM_APICV)) != 0) {
		void *page = vm_alloc(vm, 1, 1);

		vm->apic_page = page == NULL ? HPA(0) : ptr_to_hpa(page);
		return page != NULL;
	}
	return true;
}

bool vm_build_ept(struct vm *vm, struct ept *ept, bool apic_page)
{
	const struct vmx_caps *caps = &machine()->caps;

	if (!ept_create(ept, caps->ept_2m, caps->ept_1g) ||
	    !ept_map(ept, GPA(0), vm->memory_at, vm->config.memory, EPT_RIGHTS))
		return false;
	if (apic_page &&
	    !ept_map(ept, GPA(APIC_ADDRESS), vm->apic_page, PAGE_SIZE, EPT_READ | EPT_WRITE))
		return false;
	if ((vm->config.features & VM_COUNTERS) == 0)
		return true;
	for (u32 i = 0; i < vm->config.vcpus; i++)
		if (!ept_map(ept, GPA(COUNTERS_GPA + i * COUNTERS_STRIDE),
		             ptr_to_hpa(vm->vcpu[i]->counters), COUNTERS_STRIDE, EPT_READ))
			return false;
	return true;
}

static bool build_msr_bitmap(struct vm *vm)
{
	void *bitmap = vm_alloc(vm, 1, 1);

	if (bitmap == NULL)
		return false;
	msr_bitmap_build(bitmap);
	vm->msr_bitmap = ptr_to_hpa(bitmap);
	return true;
}

/* What of the paravirtual interfaces is really there. */
#define KVM_FEATURES                                                                               \
	(BIT32(KVM_FEATURE_CLOCK_OLD) | BIT32(KVM_FEATURE_CLOCK) |                                 \
	 BIT32(KVM_FEATURE_CLOCK_STABLE) | BIT32(KVM_FEATURE_STEAL_TIME) |                         \
	 BIT32(KVM_FEATURE_PV_EOI) | BIT32(KVM_FEATURE_PV_UNHALT) |                                \
	 BIT32(KVM_FEATURE_PV_TLB_FLUSH) | BIT32(KVM_FEATURE_PV_SEND_IPI) |                        \
	 BIT32(KVM_FEATURE_PV_SCHED_YIELD))

static void build_cpuid(struct vm *vm)
{
	u32 features = vm->config.features;
	bool counters = (features & VM_COUNTERS) != 0;
	bool tap = (features & VM_PV_TAP) != 0;
	const struct cpuid_config config = {
		.host = cpuid_sub,
		.vcpus = vm->config.vcpus,
		.x2apic = vm->config.apic == APIC_X2APIC,
		.rdtscp = vmx_caps_offers(&machine()->caps, CONTROL_SECONDARY, SECONDARY_RDTSCP),
		.invpcid = vmx_caps_offers(&machine()->caps, CONTROL_SECONDARY, SECONDARY_INVPCID),
		.tsc_hz = clock_get()->tsc_hz,
		.xcr0 = vmx_xcr0_allowed(),
		.kvm = (features & VM_PV_KVM) != 0,
		.tap = tap,
		/* Where the processor ends interrupts itself there is nothing to skip. */
		.kvm_features = KVM_FEATURES &
		                ~((features & VM_APICV) != 0 ? BIT32(KVM_FEATURE_PV_EOI) : 0),
		.tap_features = (tap ? BIT32(TAP_FEATURE_SEND_IPI) | BIT32(TAP_FEATURE_FLUSH_TLB)
		                     : 0) |
		                (counters ? BIT32(TAP_FEATURE_COUNTERS) : 0),
		.counters = counters ? COUNTERS_GPA : 0,
		.counters_stride = COUNTERS_STRIDE,
	};

	cpuid_build(&vm->cpuid, &config);
	vm->physical_mask = vm->cpuid.physical_mask;
}

static bool map_modules(struct vm *vm, struct process_info *info)
{
	struct module module;

	for (u32 i = 0; i < VM_MODULES; i++) {
		if (vm->config.module[i] == MODULE_NONE)
			continue;
		if (!machine_module(vm->config.module[i], &module) ||
		    !process_map(vm, USER_MODULES + i * USER_MODULE_STRIDE, module.start,
		                 module.size, 0))
			return false;
		info->module_size[i] = module.size;
	}
	return true;
}

/* What the monitor finds: the guest's memory and images, its console, its counters. */
static bool build_windows_of_monitor(struct vm *vm)
{
	struct module image;
	struct process_info *info = vm_alloc(vm, frames_for(sizeof(*info)), 1);
	void *console = vm_alloc(vm, frames_for(sizeof(struct vm_console)), 1);

	if (info == NULL || console == NULL || !machine_module(vm->config.image_module, &image))
		return false;
	vm->console = ptr_to_hpa(console);
	root_fill_info(info, vm);
	info->image_size = image.size;
	return process_map(vm, USER_INFO, ptr_to_hpa(info), sizeof(*info), 0) &&
	       process_map(vm, USER_CONSOLE, vm->console, sizeof(struct vm_console), PT_WRITE) &&
	       process_map(vm, USER_IMAGE, image.start, image.size, 0) &&
	       process_map(vm, USER_GUEST, vm->memory_at, vm->config.memory, PT_WRITE) &&
	       map_modules(vm, info) && process_map_counters(vm, USER_COUNTERS, vm);
}

static bool build_vcpus(struct vm *vm)
{
	for (u32 i = 0; i < vm->config.vcpus; i++)
		if (!build_vcpu(vm, i) || !build_guest_side(vm, vm->vcpu[i]))
			return false;
	return true;
}

s64 vm_build(struct vm *vm)
{
	struct module program;
	s64 error;

	if (!machine_module(vm->config.monitor_module, &program))
		return SYS_ENOENT;
	build_cpuid(vm);
	if (!build_memory(vm) || !build_bus(vm) || !build_vcpus(vm) ||
	    !vm_build_ept(vm, &vm->ept, (vm->config.features & VM_APIC_PAGE) != 0) ||
	    !build_msr_bitmap(vm) || ((vm->config.features & VM_APICV) != 0 && !apicv_build(vm)))
		return SYS_ENOMEM;
	error = process_create(vm, &program);
	if (error == 0 && (!build_windows_of_monitor(vm) || !root_map_vm(vm)))
		error = SYS_ENOMEM;
	return error;
}

s64 vm_build_host(struct vm *vm, const struct module *program)
{
	s64 error;

	if (!build_vcpu(vm, 0))
		return SYS_ENOMEM;
	error = process_create(vm, program);
	if (error == 0 && !root_map_host(vm))
		error = SYS_ENOMEM;
	return error;
}

void vm_unbuild(struct vm *vm)
{
	root_unmap_vm(vm);
	ept_destroy(&vm->ept);
	ept_destroy(&vm->ept_apic);
	if (vm->root.raw != 0)
		pt_destroy(vm->root);
	vm->root = HPA(0);
	vm_free_all(vm);
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
	vmx_flush_vpid(0);
}
