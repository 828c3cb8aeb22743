/* SPDX-License-Identifier: MIT */
/* The local APIC's numbers, by the SDM, volume 3A, "Local APIC Register Address Map". */
#ifndef VAPIC_ARCH_H
#define VAPIC_ARCH_H

#include "hv/base/bits.h"

/* Offsets in the APIC page. The x2APIC MSR is 0x800 + offset / 16. */
#define APIC_ID       0x020u
#define APIC_VERSION  0x030u
#define APIC_TPR      0x080u
#define APIC_APR      0x090u
#define APIC_PPR      0x0a0u
#define APIC_EOI      0x0b0u
#define APIC_RRD      0x0c0u
#define APIC_LDR      0x0d0u
#define APIC_DFR      0x0e0u
#define APIC_SVR      0x0f0u
#define APIC_ISR      0x100u /* eight words, 16 bytes apart; so are TMR and IRR */
#define APIC_TMR      0x180u
#define APIC_IRR      0x200u
#define APIC_ESR      0x280u
#define APIC_CMCI     0x2f0u
#define APIC_ICR      0x300u
#define APIC_ICR_HIGH 0x310u
#define APIC_TIMER    0x320u
#define APIC_THERMAL  0x330u
#define APIC_PMI      0x340u
#define APIC_LINT0    0x350u
#define APIC_LINT1    0x360u
#define APIC_ERROR    0x370u
#define APIC_TMICT    0x380u
#define APIC_TMCCT    0x390u
#define APIC_TDCR     0x3e0u
#define APIC_SELF_IPI 0x3f0u /* x2APIC mode only */

#define MSR_APIC_BASE    0x01bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC       0x800u
#define MSR_X2APIC_END   0x900u
#define MSR_X2APIC_EOI   0x80bu
#define MSR_X2APIC_ICR   0x830u

#define APIC_BASE_BSP     BIT(8)
#define APIC_BASE_EXTD    BIT(10)
#define APIC_BASE_EN      BIT(11)
#define APIC_BASE_ADDRESS 0xfee00000ull

/* Version 0x15, seven LVT entries (CMCI included), EOI broadcasts suppressible if offered. */
#define APIC_VERSION_VALUE    0x00060015u
#define APIC_VERSION_SUPPRESS BIT32(24)

#define APIC_SVR_ENABLE   BIT32(8)
#define APIC_SVR_SUPPRESS BIT32(12)

#define APIC_ICR_MODE      0x00000700u
#define APIC_ICR_LOGICAL   BIT32(11)
#define APIC_ICR_STATUS    BIT32(12) /* xAPIC: read-only; x2APIC: written in vain */
#define APIC_ICR_ASSERT    BIT32(14)
#define APIC_ICR_LEVEL     BIT32(15)
#define APIC_ICR_SHORTHAND 0x000c0000u
#define APIC_ICR_SELF      0x00040000u
#define APIC_ICR_OTHERS    0x000c0000u
#define APIC_ICR_WRITABLE  0x000ccfffu

#define APIC_LVT_STATUS     BIT32(12) /* delivery status: always idle here */
#define APIC_LVT_REMOTE_IRR BIT32(14)
#define APIC_LVT_LEVEL      BIT32(15)
#define APIC_LVT_MASKED     BIT32(16)

enum apic_timer_mode {
	APIC_TIMER_ONESHOT,
	APIC_TIMER_PERIODIC,
	APIC_TIMER_DEADLINE,
	APIC_TIMER_RESERVED,
};
#define APIC_TIMER_MODE(lvt) ((enum apic_timer_mode)((lvt) >> 17 & 3))

#define APIC_ESR_SEND_ILLEGAL     BIT32(5)
#define APIC_ESR_RECEIVE_ILLEGAL  BIT32(6)
#define APIC_ESR_ILLEGAL_REGISTER BIT32(7)

/* Vectors below belong to exceptions and never enter IRR. */
#define APIC_FIRST_VECTOR 16u

#endif
