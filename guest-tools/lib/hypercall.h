/* SPDX-License-Identifier: MIT */
/*
 * Which hypervisor is below, and its calls: VMCALL, number in RAX, arguments in RBX RCX RDX RSI,
 * result in RAX (KVM's calling convention).
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include "hv/abi/hypercall.h"
#include "hv/base/types.h"

#define KVM_EPERM  (-HC_EPERM)
#define KVM_EINVAL (-HC_EINVAL)
#define KVM_ENOSYS (-HC_ENOSYS)

/* Targets of one KVM_HC_SEND_IPI in 64-bit mode. */
#define KVM_IPI_TARGETS 128u

struct hypervisor {
	const char *name;  /* "bare", "tapvisor", "kvm", "other" */
	bool present;      /* CPUID.1:ECX[31] */
	u32 kvm_base;      /* CPUID leaf of "KVMKVMKVM", 0 = not there */
	u32 kvm_features;  /* EAX of kvm_base + 1 */
	u32 tapvisor_base; /* CPUID leaf of "TAPVISOR IPI", 0 = not there */
	u32 tapvisor_features;
};

/* Filled before guest_main. */
extern struct hypervisor hypervisor;
void hypercall_detect(void);

/* KVM's send-IPI call is offered; Tapvisor's own is. */
bool hypercall_has_send_ipi(void);
bool hypercall_has_tap_ipi(void);

static ALWAYS_INLINE s64 hypercall(u64 number, u64 a0, u64 a1, u64 a2, u64 a3)
{
	s64 result;

	__asm__ volatile("vmcall"
	                 : "=a"(result)
	                 : "a"(number), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
	                 : "memory");
	return result;
}

#endif
