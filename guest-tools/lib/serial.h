/* SPDX-License-Identifier: MIT */
/*
 * Two 16550 ports: COM1 carries text for people, COM2 one JSON object a line for machines. Where
 * COM2 does not exist its lines go to COM1. Output waits for room in the transmitter.
 */
#ifndef GUEST_SERIAL_H
#define GUEST_SERIAL_H

#include "hv/base/types.h"

enum serial_port {
	SERIAL_CONSOLE,
	SERIAL_MACHINE,
};

void serial_init(void);

/* True if JSON lines have a port of their own. */
bool serial_has_machine_port(void);

/* One character; a newline becomes CR LF on the console. */
void serial_put(enum serial_port port, char c);

/* Returns when the last character has left both ports. */
void serial_drain(void);

#endif
