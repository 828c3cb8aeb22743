/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/string.h"

#define SIGNATURES_FIRST 0x40000000u
#define SIGNATURES_END   0x40001000u
#define SIGNATURES_STEP  0x100u

struct hypervisor hypervisor = { .name = "bare" };

static bool signature_is(const struct cpuid *leaf, const char *text)
{
	char found[12];

	memcpy(found, &leaf->ebx, 4);
	memcpy(found + 4, &leaf->ecx, 4);
	memcpy(found + 8, &leaf->edx, 4);
	return strncmp(found, text, sizeof(found)) == 0;
}

void hypercall_detect(void)
{
	hypervisor.present = cpuid(1, 0).ecx >> 31;
	if (!hypervisor.present)
		return;
	hypervisor.name = "other";
	for (u32 base = SIGNATURES_FIRST; base < SIGNATURES_END; base += SIGNATURES_STEP) {
		struct cpuid leaf = cpuid(base, 0);

		if (signature_is(&leaf, "KVMKVMKVM") && hypervisor.kvm_base == 0)
			hypervisor.kvm_base = base;
		if (signature_is(&leaf, "TAPVISOR IPI") && hypervisor.tapvisor_base == 0)
			hypervisor.tapvisor_base = base;
	}
	if (hypervisor.kvm_base != 0) {
		hypervisor.name = "kvm";
		hypervisor.kvm_features = cpuid(hypervisor.kvm_base + 1, 0).eax;
	}
	if (hypervisor.tapvisor_base != 0) {
		hypervisor.name = "tapvisor";
		hypervisor.tapvisor_features = cpuid(hypervisor.tapvisor_base + 1, 0).eax;
	}
}

bool hypercall_has_send_ipi(void)
{
	return hypervisor.kvm_features >> KVM_FEATURE_PV_SEND_IPI & 1;
}

bool hypercall_has_tap_ipi(void)
{
	return hypervisor.tapvisor_features >> TAP_FEATURE_SEND_IPI & 1;
}
