/* SPDX-License-Identifier: MIT */
/*
 * CMOS memory and real-time clock (MC146818) at ports 0x70 and 0x71: the time, and the memory sizes
 * that firmware leaves there. No alarms, no interrupts. The machine has no clock that ring 3 may
 * read, so time starts at BOOT_TIME when the host's TSC is 0, which makes runs repeatable.
 */
#ifndef HV_MONITOR_CMOS_H
#define HV_MONITOR_CMOS_H

#include "hv/base/types.h"

#define CMOS_SIZE 128u

struct monitor;

struct cmos {
	u8 index;
	u8 ram[CMOS_SIZE]; /* all but the clock's registers */
};

/* A time of day, and the civil date: Gregorian, any second from 1970 to 9999. */
struct cmos_date {
	u32 year, month, day, weekday; /* weekday: 1 is Sunday */
	u32 century, year_of_century;
	u32 hour, minute, second;
};
struct cmos_date cmos_date(u64 seconds_since_1970);

void cmos_init(struct monitor *m);
u32 cmos_read(struct monitor *m, u32 unit, u32 offset);
void cmos_write(struct monitor *m, u32 unit, u32 offset, u32 value);

#endif
