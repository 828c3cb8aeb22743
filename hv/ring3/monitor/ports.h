/* SPDX-License-Identifier: MIT */
/*
 * The port map: a row for each range of ports that a device answers.
 *
 * An access wider than the row's width, or one that leaves the row, is split into bytes, as the bus
 * does it; each byte finds its own row. The PCI address latch and the reset control register, which
 * lie across each other, are found by their sizes. Ports without a row read as ones, and writes to
 * them are dropped: ring 0 counts them.
 */
#ifndef HV_MONITOR_PORTS_H
#define HV_MONITOR_PORTS_H

#include "hv/base/types.h"

struct monitor;

struct port_row {
	u16 first, count;
	u8 width; /* bytes of the widest access that the device takes as one */
	u8 unit;  /* for the functions: which of several equal devices */
	u32 (*read)(struct monitor *m, u32 unit, u32 offset);
	void (*write)(struct monitor *m, u32 unit, u32 offset, u32 value);
};

/* NULL: unclaimed. */
const struct port_row *port_find(u32 port);

/* Size is 1, 2 or 4. False: every byte of it was unclaimed. */
bool port_read(struct monitor *m, u32 port, u32 size, u32 *value);
bool port_write(struct monitor *m, u32 port, u32 size, u32 value);

#endif
