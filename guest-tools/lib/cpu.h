/* SPDX-License-Identifier: MIT */
/* One line for each instruction that C has no word for. Any context; SDM volume 2. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include "hv/base/types.h"

#define MSR_TSC            0x10
#define MSR_APIC_BASE      0x1b
#define MSR_TSC_ADJUST     0x03b
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC         0x800
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_FMASK          0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX        0xc0000103

#define RFLAGS_IF 0x200u

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static ALWAYS_INLINE struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
	                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	                 : "a"(leaf), "c"(subleaf)
	                 : "memory");
	return r;
}

static ALWAYS_INLINE u64 rdmsr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (u64)high << 32 | low;
}

static ALWAYS_INLINE void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static ALWAYS_INLINE u64 rdpmc(u32 counter)
{
	u32 low, high;

	__asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(counter) : "memory");
	return (u64)high << 32 | low;
}

static ALWAYS_INLINE u64 rdtsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

/* The TSC, read neither before what precedes it is done nor after what follows has begun. */
static ALWAYS_INLINE u64 rdtsc_ordered(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

#define GUEST_PORT_ACCESS(type, suffix)                                                            \
	static ALWAYS_INLINE type in##suffix(u16 port)                                             \
	{                                                                                          \
		type value;                                                                        \
                                                                                                   \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory");    \
		return value;                                                                      \
	}                                                                                          \
	static ALWAYS_INLINE void out##suffix(u16 port, type value)                                \
	{                                                                                          \
		__asm__ volatile("out" #suffix " %0, %1" : : "a"(value), "Nd"(port) : "memory");   \
	}

GUEST_PORT_ACCESS(u8, b)
GUEST_PORT_ACCESS(u16, w)
GUEST_PORT_ACCESS(u32, l)

#define GUEST_CONTROL_REGISTER(name)                                                               \
	static ALWAYS_INLINE u64 read_##name(void)                                                 \
	{                                                                                          \
		u64 value;                                                                         \
                                                                                                   \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                \
		return value;                                                                      \
	}                                                                                          \
	static ALWAYS_INLINE void write_##name(u64 value)                                          \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                    \
	}

GUEST_CONTROL_REGISTER(cr0)
GUEST_CONTROL_REGISTER(cr2)
GUEST_CONTROL_REGISTER(cr3)
GUEST_CONTROL_REGISTER(cr4)
GUEST_CONTROL_REGISTER(cr8)
GUEST_CONTROL_REGISTER(dr0)
GUEST_CONTROL_REGISTER(dr1)
GUEST_CONTROL_REGISTER(dr2)
GUEST_CONTROL_REGISTER(dr3)
GUEST_CONTROL_REGISTER(dr6)
GUEST_CONTROL_REGISTER(dr7)

static ALWAYS_INLINE void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static ALWAYS_INLINE void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static ALWAYS_INLINE void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Sleeps with interrupts on; no interrupt can slip in between STI and HLT. */
static ALWAYS_INLINE void interrupts_on_and_halt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

static ALWAYS_INLINE void halt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

static ALWAYS_INLINE u64 read_flags(void)
{
	u64 value;

	__asm__ volatile("pushfq; pop %0" : "=r"(value) : : "memory");
	return value;
}

/* Keeps the compiler from moving memory accesses across; the CPU may. */
static ALWAYS_INLINE void compiler_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

/* Earlier stores are visible before any later x2APIC write: that WRMSR does not order them. */
static ALWAYS_INLINE void fence_before_x2apic_write(void)
{
	__asm__ volatile("mfence; lfence" : : : "memory");
}

/* Busy-waits for at least that many TSC ticks. */
static inline void delay_ticks(u64 ticks)
{
	u64 start = rdtsc();

	while (rdtsc() - start < ticks)
		cpu_relax();
}

#endif
