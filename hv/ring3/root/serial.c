/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/serial.h"

#define FIFO_SIZE 16u
#define PATIENCE  200000u /* looks at the port */

/* PC16550D, by offset from the base. */
#define REG_DATA    0u
#define REG_IER     1u
#define REG_FCR     2u
#define REG_LCR     3u
#define REG_MCR     4u
#define REG_LSR     5u
#define REG_SCRATCH 7u

#define LCR_8N1     0x03u
#define LCR_DIVISOR 0x80u
#define FCR_ON      0x07u /* FIFOs on and empty */
#define MCR_READY   0x03u /* DTR, RTS */
#define LSR_DATA    0x01u
#define LSR_OVERRUN 0x02u
#define LSR_BREAK   0x10u
#define LSR_ROOM    0x20u
#define LSR_IDLE    0x40u

static u8 get(const struct serial *s, u32 reg)
{
	return s->ports->in((u16)(s->base + reg));
}

static void set(const struct serial *s, u32 reg, u8 value)
{
	s->ports->out((u16)(s->base + reg), value);
}

void serial_init(struct serial *s, const struct port_ops *ports, u16 base)
{
	*s = (struct serial){ .ports = ports, .base = base };
	set(s, REG_SCRATCH, 0x5a);
	s->present = get(s, REG_SCRATCH) == 0x5a;
	if (!s->present)
		return;
	for (u32 i = 0; i < PATIENCE && !serial_idle(s); i++)
		; /* what ring 0 said last is still on its way: emptying the FIFO would cut it */
	set(s, REG_IER, 0);
	set(s, REG_LCR, LCR_DIVISOR | LCR_8N1);
	set(s, REG_DATA, 1);
	set(s, REG_IER, 0); /* divisor, high byte */
	set(s, REG_LCR, LCR_8N1);
	set(s, REG_FCR, FCR_ON);
	set(s, REG_MCR, MCR_READY);
}

/* Reading the status takes overrun and break away: they are kept here. */
static u8 status(struct serial *s)
{
	u8 lsr = get(s, REG_LSR);

	s->overrun |= (lsr & LSR_OVERRUN) != 0;
	s->broken |= (lsr & LSR_BREAK) != 0;
	return lsr;
}

bool serial_send(struct serial *s, struct queue *q)
{
	char bytes[FIFO_SIZE];
	u32 n;

	if (!s->present) {
		q->tail = q->head;
		return false;
	}
	if (queue_used(q) == 0 || (status(s) & LSR_ROOM) == 0)
		return queue_used(q) > 0;
	n = queue_take(q, bytes, FIFO_SIZE);
	for (u32 i = 0; i < n; i++)
		set(s, REG_DATA, (u8)bytes[i]);
	if (s->copy != NULL)
		s->copy->put(s->copy, bytes, n);
	return queue_used(q) > 0;
}

bool serial_receive(struct serial *s, u8 *byte)
{
	if (!s->present || (status(s) & LSR_DATA) == 0)
		return false;
	*byte = get(s, REG_DATA);
	return true;
}

bool serial_idle(struct serial *s)
{
	return !s->present || (status(s) & LSR_IDLE) != 0;
}
