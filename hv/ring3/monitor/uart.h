/* SPDX-License-Identifier: MIT */
/*
 * A 16550A (PC16550D data sheet) whose line is a pair of byte rings to root.
 *
 * It sends as fast as root takes: the transmitter reads as empty while at least BYTE_RING_LOW bytes
 * are free, so that a guest may fill a FIFO blindly as on real hardware. A write that finds no
 * room at all waits (monitor->again). Root is told at the end of a line of COM1 and when a ring is
 * half full, not for each character. Whatever root sends is there to be read at once.
 */
#ifndef HV_MONITOR_UART_H
#define HV_MONITOR_UART_H

#include "hv/base/types.h"

#define UART_FIFO 16u

struct monitor;

struct uart {
	u8 ier, lcr, mcr, scratch, divisor[2];
	bool fifo;    /* FCR bit 0 */
	bool sent;    /* "transmitter empty" is pending as an interrupt */
	bool stalled; /* root's ring was too full to raise it */
	bool line;    /* as the IOAPIC sees it */
	bool broken;  /* a break is to be read, as a character of zeros */
	u8 pin;       /* of the IOAPIC */
	u32 breaks;   /* of those in struct vm_console, how many were seen */
	u8 loop_used; /* loopback (MCR bit 4): what is to be read again */
	u8 loop[UART_FIFO];
};

void uart_init(struct monitor *m);

/* Port functions; unit is an enum console_channel. */
u32 uart_read(struct monitor *m, u32 unit, u32 offset);
void uart_write(struct monitor *m, u32 unit, u32 offset, u32 value);

/* Root has sent something or made room: looks at both UARTs. */
void uart_signal(struct monitor *m);

#endif
