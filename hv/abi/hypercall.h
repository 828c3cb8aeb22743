/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor as its guest sees it: CPUID leaves, hypercalls, paravirtual MSRs.
 *
 * Hypercalls: VMCALL, number in RAX, arguments in RBX RCX RDX RSI, result in RAX, nothing else
 * changes; outside 64-bit mode all are truncated to 32 bits. From CPL > 0: -HC_EPERM.
 * pv=kvm offers KVM's interface, number by number as KVM defines it; pv=tap adds Tapvisor's own.
 */
#ifndef HV_ABI_HYPERCALL_H
#define HV_ABI_HYPERCALL_H

#define HC_EPERM  1
#define HC_EINVAL 22
#define HC_EFAULT 14
#define HC_ENOSYS 1000

/* KVM's signature and features. */
#define CPUID_KVM_BASE             0x40000000u /* EBX ECX EDX = "KVMKVMKVM\0\0\0" */
#define CPUID_KVM_FEATURES         0x40000001u
#define KVM_FEATURE_CLOCK_OLD      0
#define KVM_FEATURE_CLOCK          3
#define KVM_FEATURE_STEAL_TIME     5
#define KVM_FEATURE_PV_EOI         6
#define KVM_FEATURE_PV_UNHALT      7
#define KVM_FEATURE_PV_TLB_FLUSH   9
#define KVM_FEATURE_PV_SEND_IPI    11
#define KVM_FEATURE_PV_SCHED_YIELD 13
#define KVM_FEATURE_CLOCK_STABLE   24

#define KVM_HC_KICK_CPU    5
#define KVM_HC_SEND_IPI    10
#define KVM_HC_SCHED_YIELD 11

#define MSR_KVM_WALL_CLOCK      0x4b564d00u
#define MSR_KVM_SYSTEM_TIME     0x4b564d01u
#define MSR_KVM_STEAL_TIME      0x4b564d03u
#define MSR_KVM_PV_EOI          0x4b564d04u
#define MSR_KVM_WALL_CLOCK_OLD  0x11u
#define MSR_KVM_SYSTEM_TIME_OLD 0x12u

/* Tapvisor's signature: always there, so that a guest can tell where it runs. */
#define CPUID_TAP_BASE        0x40000100u /* EAX = highest leaf; EBX ECX EDX = "TAPVISOR IPI" */
#define CPUID_TAP_FEATURES    0x40000101u /* EAX: TAP_FEATURE bits; EBX: vCPUs of the VM */
#define CPUID_TAP_COUNTERS    0x40000102u /* EDX:EAX = gpa of vCPU 0's counters; ECX = stride */
#define TAP_FEATURE_SEND_IPI  0           /* pv=tap */
#define TAP_FEATURE_COUNTERS  1           /* counters=on */
#define TAP_FEATURE_FLUSH_TLB 2           /* pv=tap */

/*
 * Tapvisor's own hypercalls. Targets are a bitmap in guest memory: a0 gpa of it (8-byte aligned),
 * a1 its length in 64-bit words (1..TAP_BITMAP_WORDS), a2 APIC ID of bit 0.
 */
#define TAP_HC_SEND_IPI  0x54410000u /* a3: ICR low word. Result: vCPUs that accepted */
#define TAP_HC_FLUSH_TLB 0x54410001u /* Result: vCPUs with those IDs; docs/abi.md */
#define TAP_BITMAP_WORDS 16u         /* 1,024 vCPUs */

/* Where a guest with counters=on finds them: guest-physical, read-only, COUNTERS_STRIDE apart. */
#define COUNTERS_GPA 0xfe000000ull

#endif
