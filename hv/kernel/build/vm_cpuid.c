/* SPDX-License-Identifier: MIT */
#include "hv/kernel/build/build.h"

#include "hv/abi/hypercall.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/vm/machine.h"
#include "vmx/state.h"

/* What of the paravirtual interfaces is really there. */
#define KVM_FEATURES                                                                               \
	(BIT32(KVM_FEATURE_CLOCK_OLD) | BIT32(KVM_FEATURE_CLOCK) |                                 \
	 BIT32(KVM_FEATURE_CLOCK_STABLE) | BIT32(KVM_FEATURE_STEAL_TIME) |                         \
	 BIT32(KVM_FEATURE_PV_EOI) | BIT32(KVM_FEATURE_PV_UNHALT) |                                \
	 BIT32(KVM_FEATURE_PV_TLB_FLUSH) | BIT32(KVM_FEATURE_PV_SEND_IPI) |                        \
	 BIT32(KVM_FEATURE_PV_SCHED_YIELD))

s64 vm_make_cpuid(struct vm *vm, UNUSED u64 i)
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
	return 0;
}
