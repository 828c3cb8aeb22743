/* SPDX-License-Identifier: MIT */
/*
 * The machine's serial ports, polled: 16 characters at a time into the FIFO, then nothing until
 * they are out. Whoever calls sleeps meanwhile, so that the machine is not disturbed.
 */
#ifndef HV_ROOT_SERIAL_H
#define HV_ROOT_SERIAL_H

#include "hv/ring3/root/queue.h"
#include "hv/ring3/rt/port.h"

#define SERIAL_COM1 0x3f8u
#define SERIAL_COM2 0x2f8u

/* 115,200 baud, 10 bits a character: how long a FIFO of 16 takes, in seconds / this. */
#define SERIAL_BURSTS_PER_SECOND 720u

struct serial {
	const struct port_ops *ports;
	u16 base;
	bool present;
	bool overrun; /* characters came faster than they were fetched; whoever tells clears it */
	struct out *copy; /* is given all that is sent, too; or NULL */
	bool broken; /* there was a break, whose character is 0; whoever has read that clears it */
};

/* 115,200 baud, 8N1, FIFO on. A port that is not there stays silent: it takes everything. */
void serial_init(struct serial *s, const struct port_ops *ports, u16 base);

/* Sends what the FIFO takes. True: there is more to send. */
bool serial_send(struct serial *s, struct queue *q);

/* False: nothing has come in. */
MUST_USE bool serial_receive(struct serial *s, u8 *byte);

/* Has the last character left? */
bool serial_idle(struct serial *s);

#endif
