/* SPDX-License-Identifier: MIT */
/*
 * The IOAPIC: 24 pins (82093AA data sheet; version 0x20, with the EOI register).
 *
 * An edge is sent when it comes and the pin is not masked, else it is lost. A level is sent while
 * the line is high and remote IRR clear; remote IRR is set when a vCPU accepted, cleared by the EOI
 * of that vector. While no vCPU accepts, a level is tried again some times a second. A line that
 * stays high through STORM_LIMIT rounds without anything else happening to its pin is sent again
 * only after STORM_TICKS, so that a storm cannot hold its core.
 *
 * Fixed and lowest priority can be levels; pins of the other delivery modes are edges, whatever
 * their entries say: the data sheet has it for NMI and INIT, and asks for it with SMI and ExtINT.
 */
#ifndef HV_MONITOR_IOAPIC_H
#define HV_MONITOR_IOAPIC_H

#include "hv/base/types.h"

#define IOAPIC_PINS           24u
#define IOAPIC_VERSION_NUMBER 0x20u
#define IOAPIC_STORM_LIMIT    1000u
#define IOAPIC_STORM_TICKS    1000000u

#define IOAPIC_TRIES_PER_SECOND 100u

struct monitor;

struct ioapic_pin {
	u64 entry; /* redirection entry, as the guest reads it */
	bool line;
	bool delayed; /* to be sent by ioapic_signal */
	u32 rounds;   /* sent again at an EOI, one after the other */
};

struct ioapic {
	u8 index, id;
	struct ioapic_pin pin[IOAPIC_PINS];
};

void ioapic_init(struct monitor *m);

/* Registers, by offset in the page. */
u32 ioapic_read(struct monitor *m, u32 offset);
void ioapic_write(struct monitor *m, u32 offset, u32 value);

/* Would an edge there go out? */
bool ioapic_is_open(const struct monitor *m, u32 pin);

/* A device drives its pin; pins beyond the last are ignored. */
void ioapic_set_line(struct monitor *m, u32 pin, bool high);

/* EOI of a level-triggered vector, from a local APIC or by the EOI register. */
void ioapic_eoi(struct monitor *m, u8 vector);

/* The alarm that a delayed pin asked for may have rung. */
void ioapic_signal(struct monitor *m);

#endif
