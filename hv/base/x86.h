/* SPDX-License-Identifier: MIT */
/*
 * Single instructions and the architecture's names (SDM volume 2, volume 3 chapter 2, volume 4).
 *
 * Ring 0 only. Every function is one instruction; nothing here keeps state. What can fault says so:
 * the caller has checked CPUID, for ring 0 treats any fault of its own as a crash.
 */
#ifndef HV_BASE_X86_H
#define HV_BASE_X86_H

#include "hv/base/bits.h"
#include "hv/base/types.h"

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME        BIT(0)
#define CR4_PVI        BIT(1)
#define CR4_TSD        BIT(2)
#define CR4_DE         BIT(3)
#define CR4_PSE        BIT(4)
#define CR4_PAE        BIT(5)
#define CR4_MCE        BIT(6)
#define CR4_PGE        BIT(7)
#define CR4_PCE        BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)

#define RFLAGS_ONE BIT(1) /* always set */
#define RFLAGS_TF  BIT(8)
#define RFLAGS_IF  BIT(9)
#define RFLAGS_RF  BIT(16)
#define RFLAGS_AC  BIT(18)

/* SDM 3B 18.2.3, 18.2.4. RTM and bus lock are active low in DR6, and only there. */
#define DR6_HIT      BITS(3, 0)
#define DR6_BUS_LOCK BIT(11)
#define DR6_BD       BIT(13)
#define DR6_BS       BIT(14)
#define DR6_RTM      BIT(16)
#define DR6_RESET    0xffff0ff0ull
#define DR7_GD       BIT(13)
#define DR7_RESET    0x400ull

#define RFLAGS_STATUS (BIT(0) | BIT(2) | BIT(4) | BIT(6) | BIT(7) | BIT(11))

#define DR7_ENABLED BITS(7, 0) /* L0 G0 to L3 G3 */

#define IA32_TSC             0x10u
#define IA32_APIC_BASE       0x1bu
#define IA32_FEATURE_CONTROL 0x3au
#define IA32_TSC_ADJUST      0x3bu
#define IA32_SYSENTER_CS     0x174u
#define IA32_SYSENTER_ESP    0x175u
#define IA32_SYSENTER_EIP    0x176u
#define IA32_MISC_ENABLE     0x1a0u
#define IA32_DEBUGCTL        0x1d9u
#define IA32_PAT             0x277u
#define IA32_TSC_DEADLINE    0x6e0u
#define IA32_X2APIC_FIRST    0x800u
#define IA32_EFER            0xc0000080u
#define IA32_STAR            0xc0000081u
#define IA32_LSTAR           0xc0000082u
#define IA32_CSTAR           0xc0000083u
#define IA32_FMASK           0xc0000084u
#define IA32_FS_BASE         0xc0000100u
#define IA32_GS_BASE         0xc0000101u
#define IA32_KERNEL_GS_BASE  0xc0000102u
#define IA32_TSC_AUX         0xc0000103u

/* PAT entries 0 to 3: WB, WT, UC-, UC; 4 to 7 the same. The host has WC in the place of WT. */
#define PAT_RESET 0x0007040600070406ull
#define PAT_HOST  0x0007010600070106ull

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define APIC_BASE_BSP    BIT(8)
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)
#define APIC_BASE_ADDR   BITS(51, 12)

/* The result of CPUID. */
struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_sub(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
	                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	                 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline struct cpuid cpuid(u32 leaf)
{
	return cpuid_sub(leaf, 0);
}

/* #GP when the MSR is not there. */
static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

/* #GP when the MSR is not there or refuses the value. */
static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* Not ordered with the instructions around it: a stamp, good for durations of many instructions. */
static inline u64 rdtsc(void)
{
	u64 lo, hi; /* RDTSC clears the upper halves */

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return hi << 32 | lo;
}

/* #UD unless CR4.OSXSAVE. */
static inline u64 xgetbv(u32 xcr)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(xcr));
	return (u64)hi << 32 | lo;
}

/* #UD unless CR4.OSXSAVE, #GP on a set of features that the processor does not have. */
static inline void xsetbv(u32 xcr, u64 value)
{
	__asm__ volatile("xsetbv"
	                 :
	                 : "c"(xcr), "a"((u32)value), "d"((u32)(value >> 32))
	                 : "memory");
}

static inline u8 in8(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u32 in32(u16 port)
{
	u32 v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void out32(u16 port, u32 v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void out8(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

#define X86_REGISTER(name)                                                                         \
	static inline u64 read_##name(void)                                                        \
	{                                                                                          \
		u64 v;                                                                             \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(v) : : "memory");                    \
		return v;                                                                          \
	}                                                                                          \
	static inline void write_##name(u64 v)                                                     \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory");                        \
	}

X86_REGISTER(cr0)
X86_REGISTER(cr2)
X86_REGISTER(cr3)
X86_REGISTER(cr4)
X86_REGISTER(dr0)
X86_REGISTER(dr1)
X86_REGISTER(dr2)
X86_REGISTER(dr3)
X86_REGISTER(dr6)
#undef X86_REGISTER

static inline void clts(void)
{
	__asm__ volatile("clts" : : : "memory");
}

static inline void invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void cpu_halt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void mfence(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

static inline void lfence(void)
{
	__asm__ volatile("lfence" : : : "memory");
}

#endif
