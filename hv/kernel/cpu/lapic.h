/* SPDX-License-Identifier: MIT */
/*
 * The core's own local APIC (SDM 3A chapter 11): x2APIC where the processor has it, else xAPIC.
 * The guests' APICs are vapic/'s, and never meet this one.
 *
 * Every function acts on the calling core; interrupts off.
 */
#ifndef HV_CPU_LAPIC_H
#define HV_CPU_LAPIC_H

#include "hv/base/types.h"

/* Boot, on the first core, before any other call: chooses the mode, maps the registers. */
void lapic_init(void);

/* Boot, on each core: same mode everywhere, software-enabled, timer and error vectors set, all
 * other sources masked but for those that the firmware has made SMIs. */
void lapic_enable(void);

/* True when the cores' APICs run in x2APIC mode. Constant after lapic_init. */
bool lapic_is_x2apic(void);

/* This core's APIC ID; 8 bits in xAPIC mode. */
u32 lapic_id(void);

/* Acknowledges the interrupt in service: for VECTOR_KICK and VECTOR_TIMER, wherever they came in.
 */
void lapic_eoi(void);

/* The errors since the last call (ESR's bits, SDM 3A 11.5.3), for VECTOR_ERROR. */
u32 lapic_take_errors(void);

/*
 * A fixed interrupt to one core. The plain form promises no order: in x2APIC mode the core that
 * receives it may not yet see stores made before the call (SDM 3A 11.12.3), unless a locked
 * instruction, or MFENCE and LFENCE, came between.
 */
void lapic_send(u32 apic_id, u8 vector);

void lapic_send_nmi(u32 apic_id);

/* INIT, and start-up at page << 12. The caller keeps the waiting times (SDM 3A 9.4.4). */
void lapic_send_init(u32 apic_id);
void lapic_send_startup(u32 apic_id, u8 page);

/*
 * One VECTOR_TIMER after about `ticks` of the TSC, at least one count of the timer; arms anew when
 * armed. The counter, not the TSC deadline: the deadline gets lost under HLT in Bochs. Ticks beyond
 * the counter's range fire early, at the range's end: the caller looks at the clock, and arms anew.
 */
void lapic_timer_arm(u64 ticks);
void lapic_timer_stop(void);

/* Boot, on the first core: the timer's rate against the TSC; the same for all cores. */
void lapic_timer_calibrate(void);

#endif
