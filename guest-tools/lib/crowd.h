/* SPDX-License-Identifier: MIT */
/*
 * A crowd: more CPUs than the kit otherwise knows, up to APIC ID 255, in real mode, each with a few
 * words of memory. A member counts its rounds; it sleeps between them or does not, as it is told,
 * and counts the interrupts by VECTOR_CROWD that it takes. In x2APIC mode. CPU 0 only.
 */
#ifndef GUEST_CROWD_H
#define GUEST_CROWD_H

#include "hv/base/types.h"

#define VECTOR_CROWD 0x51u
#define CROWD_IDS    256u

enum crowd_order {
	CROWD_SLEEP, /* HLT with interrupts on, once more after each */
	CROWD_SPIN,
};

/* Written by that CPU alone; by APIC ID. */
struct crowd_member {
	u32 rounds, wakes;
};

/*
 * Starts all other CPUs by INIT and SIPI to all but self. True: n have come within so many ticks.
 */
bool crowd_start(u32 n, u64 ticks);

void crowd_order(enum crowd_order order);

struct crowd_member crowd_member(u32 apic_id);

/* How many have counted at least so many wakes. */
u32 crowd_woken(u32 wakes);

#endif
