/* SPDX-License-Identifier: MIT */
/*
 * The 8254 (data sheet 231164), counters 0 and 2 in full, and system control port B at 0x61.
 *
 * A counter keeps when it began to count, in the host's TSC; its value and its output follow from
 * the time of the access. Counter 0 makes edges on IOAPIC pin 2 by an alarm, which is armed only
 * while that pin is open: an edge at a masked pin is lost, so nobody needs to make it. Edges that
 * come due while the vCPU has no core are one. Counter 2's gate is bit 0 of port B, its output bit
 * 5. Counter 1 counts too, which nobody minds.
 */
#ifndef HV_MONITOR_PIT_H
#define HV_MONITOR_PIT_H

#include "hv/base/types.h"

#define PIT_HZ        1193182u
#define PIT_PIN       2u /* of the IOAPIC; the MADT overrides ISA's IRQ 0 */
#define PIT_COUNTERS  3u
#define PIT_EDGES_MAX 10000u /* a second: a guest that asks for more gets so many */

struct monitor;

struct pit_counter {
	u8 control;  /* access, mode, BCD: bits 5:0 of the control word */
	u8 latched;  /* bytes of `latch` not yet read */
	u8 low;      /* written, waits for its high byte */
	bool second; /* the next access is to the high byte */
	bool gate, loaded;
	bool counting; /* else the count stands still at `held` */
	bool has_status;
	u8 status;
	u16 latch;
	u32 count; /* 1 to 65,536 */
	u64 start; /* TSC at which it began */
	u64 held;  /* elapsed clocks while it stands still */
};

struct pit {
	struct pit_counter counter[PIT_COUNTERS];
	u8 port_b;
	u32 owner; /* the vCPU whose alarm makes edges */
};

void pit_init(struct monitor *m);

/* Port functions, see ports.h: 0x40 to 0x43, and 0x61. */
u32 pit_read(struct monitor *m, u32 unit, u32 offset);
void pit_write(struct monitor *m, u32 unit, u32 offset, u32 value);
u32 port_b_read(struct monitor *m, u32 unit, u32 offset);
void port_b_write(struct monitor *m, u32 unit, u32 offset, u32 value);

/* The IOAPIC's pin was written: edges may be wanted from now on. */
void pit_pin_changed(struct monitor *m);

/* The alarm rang. */
void pit_signal(struct monitor *m);

#endif
