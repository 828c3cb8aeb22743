/* SPDX-License-Identifier: MIT */
/*
 * The local APIC in both its modes behind one small table of functions; SDM 3A chapter 10.
 * Registers are named by their MMIO offset; the x2APIC MSR is 0x800 + offset / 16. Every function
 * acts on the CPU that calls it. All CPUs are in the same mode, `apic`.
 */
#ifndef GUEST_APIC_H
#define GUEST_APIC_H

#include "guest-tools/lib/cpu.h"
#include "hv/base/types.h"

#define APIC_BASE_ADDRESS 0xfee00000ul

enum apic_register {
	APIC_ID = 0x020,
	APIC_VERSION = 0x030,
	APIC_TPR = 0x080,
	APIC_APR = 0x090,
	APIC_PPR = 0x0a0,
	APIC_EOI = 0x0b0,
	APIC_RRD = 0x0c0,
	APIC_LDR = 0x0d0,
	APIC_DFR = 0x0e0,
	APIC_SVR = 0x0f0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_LVT_CMCI = 0x2f0,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERF = 0x340,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
	APIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

#define APIC_BASE_BSP    0x100u
#define APIC_BASE_X2APIC 0x400u
#define APIC_BASE_ENABLE 0x800u

#define SVR_ENABLE     0x100u
#define LVT_MASKED     0x10000u
#define TIMER_PERIODIC 0x20000u
#define TIMER_DEADLINE 0x40000u
#define TIMER_DIVIDE_1 0x0bu
#define DFR_FLAT       0xffffffffu
#define DFR_CLUSTER    0x0fffffffu

/* ICR, low word. */
#define ICR_FIXED      0x00000u
#define ICR_LOWEST     0x00100u
#define ICR_SMI        0x00200u
#define ICR_NMI        0x00400u
#define ICR_INIT       0x00500u
#define ICR_STARTUP    0x00600u
#define ICR_EXTINT     0x00700u /* reserved in the ICR */
#define ICR_LOGICAL    0x00800u
#define ICR_PENDING    0x01000u
#define ICR_ASSERT     0x04000u
#define ICR_LEVEL      0x08000u
#define ICR_SELF       0x40000u
#define ICR_ALL        0x80000u
#define ICR_ALL_BUT_ME 0xc0000u

#define XAPIC_BROADCAST  0xffu
#define X2APIC_BROADCAST 0xffffffffu

struct apic_ops {
	const char *name; /* "xapic", "x2apic" */
	u32 (*read)(enum apic_register reg);
	void (*write)(enum apic_register reg, u32 value);
	/* Waits until the last one has left, then sends. destination: physical ID or logical. */
	void (*send)(u32 destination, u32 icr_low);
	u32 (*id)(void);
	/* This CPU's logical destination, as xAPIC flat or x2APIC cluster:bit. */
	u32 (*logical_id)(void);
};

extern const struct apic_ops xapic_ops, x2apic_ops;
extern const struct apic_ops *apic;

/* The loader's mode becomes the kit's; enables the APIC of CPU 0. Once. */
void apic_init(void);

/* Software-enables this CPU's APIC in the kit's mode: SVR, LDR and DFR flat, LINTs masked. */
void apic_cpu_setup(void);

bool apic_has_x2apic(void);

/* The mode this CPU is in, by its MSR. */
const struct apic_ops *apic_current(void);

/*
 * Changes mode on this CPU, by way of "disabled" where the SDM asks for it, and sets it up again.
 * apic_use changes all CPUs that are online and the kit's own mode. False: not offered.
 */
void apic_cpu_use(const struct apic_ops *ops);
MUST_USE bool apic_use(const struct apic_ops *ops);

/* Fast paths without the table, for benchmarks. */
static ALWAYS_INLINE void xapic_write(enum apic_register reg, u32 value)
{
	__asm__ volatile("movl %0, %1"
	                 :
	                 : "r"(value), "m"(*(u32 *)(APIC_BASE_ADDRESS + reg))
	                 : "memory");
}

static ALWAYS_INLINE u32 xapic_read(enum apic_register reg)
{
	u32 value;

	__asm__ volatile("movl %1, %0"
	                 : "=r"(value)
	                 : "m"(*(u32 *)(APIC_BASE_ADDRESS + reg))
	                 : "memory");
	return value;
}

static ALWAYS_INLINE u32 x2apic_msr(enum apic_register reg)
{
	return MSR_X2APIC + ((u32)reg >> 4);
}

static ALWAYS_INLINE void x2apic_send(u32 destination, u32 icr_low)
{
	wrmsr(x2apic_msr(APIC_ICR), (u64)destination << 32 | icr_low);
}

static ALWAYS_INLINE void xapic_send(u32 destination, u32 icr_low)
{
	xapic_write(APIC_ICR2, destination << 24);
	xapic_write(APIC_ICR, icr_low);
}

static inline u32 apic_read(enum apic_register reg)
{
	return apic->read(reg);
}

static inline void apic_write(enum apic_register reg, u32 value)
{
	apic->write(reg, value);
}

static inline void apic_send(u32 destination, u32 icr_low)
{
	apic->send(destination, icr_low);
}

static inline void apic_eoi(void)
{
	apic->write(APIC_EOI, 0);
}

/* True if that vector's bit is set in the 256-bit register that starts at reg (ISR, TMR, IRR). */
static inline bool apic_vector_is_set(enum apic_register reg, u32 vector)
{
	enum apic_register word = (enum apic_register)(reg + vector / 32 * 0x10);

	return apic_read(word) >> vector % 32 & 1;
}

/* Polls that bit for at most ticks TSC ticks, until it is as wanted: true = it was. */
bool apic_wait_vector(enum apic_register reg, u32 vector, bool wanted, u64 ticks);

#endif
