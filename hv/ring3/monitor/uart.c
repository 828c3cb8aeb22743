/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/uart.h"

#include "hv/ring3/monitor/monitor.h"
#include "hv/ring3/rt/ring.h"

enum uart_register {
	UART_DATA,    /* RBR, THR; divisor low */
	UART_IER,     /* divisor high */
	UART_IIR_FCR, /* IIR when read, FCR when written */
	UART_LCR,
	UART_MCR,
	UART_LSR,
	UART_MSR,
	UART_SCRATCH,
};

#define IER_RECEIVED 0x01u
#define IER_SENT     0x02u
#define IER_LINE     0x04u
#define IER_ALL      0x0fu

#define IIR_NONE     0x01u
#define IIR_SENT     0x02u
#define IIR_RECEIVED 0x04u
#define IIR_LINE     0x06u
#define IIR_FIFO     0xc0u

#define FCR_FIFO        0x01u
#define FCR_CLEAR_INPUT 0x02u

#define LCR_DIVISOR 0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u /* PCs gate the interrupt by it */
#define MCR_LOOP 0x10u
#define MCR_ALL  0x1fu

#define LSR_DATA  0x01u
#define LSR_BREAK 0x10u
#define LSR_SENT  0x60u /* holding register and shifter empty */

#define MSR_CTS       0x10u
#define MSR_DSR       0x20u
#define MSR_RI        0x40u
#define MSR_DCD       0x80u
#define MSR_CONNECTED (MSR_CTS | MSR_DSR | MSR_DCD)

static const u8 pins[CONSOLE_CHANNELS] = { [CONSOLE_COM1] = 4, [CONSOLE_COM2] = 3 };

static struct byte_ring *out_ring(struct monitor *m, u32 unit)
{
	return &m->console->out[unit];
}

static bool looped(const struct uart *u)
{
	return (u->mcr & MCR_LOOP) != 0;
}

static bool has_data(struct monitor *m, u32 unit)
{
	const struct uart *u = &m->uart[unit];

	if (looped(u))
		return u->loop_used > 0;
	return u->broken || ring_used(&m->console->in[unit]) > 0;
}

/* What IIR shows: the cause of highest priority that is enabled. */
static u32 cause(struct monitor *m, u32 unit)
{
	const struct uart *u = &m->uart[unit];

	if ((u->ier & IER_LINE) != 0 && u->broken)
		return IIR_LINE;
	if ((u->ier & IER_RECEIVED) != 0 && has_data(m, unit))
		return IIR_RECEIVED;
	if ((u->ier & IER_SENT) != 0 && u->sent)
		return IIR_SENT;
	return IIR_NONE;
}

static void update_line(struct monitor *m, u32 unit)
{
	struct uart *u = &m->uart[unit];
	bool line = u->ier != 0 && (u->mcr & MCR_OUT2) != 0 && cause(m, unit) != IIR_NONE;

	if (line == u->line)
		return;
	u->line = line;
	ioapic_set_line(m, u->pin, line);
}

static bool can_send(struct monitor *m, u32 unit)
{
	return ring_room_after_put(out_ring(m, unit)) >= BYTE_RING_LOW;
}

/* Has root made room since the transmitter could not be called empty? */
static void unstall(struct monitor *m, u32 unit)
{
	struct uart *u = &m->uart[unit];

	if (u->stalled && can_send(m, unit)) {
		u->stalled = false;
		u->sent = true;
	}
}

static void send_looped(struct uart *u, u8 byte)
{
	if (u->loop_used < (u->fifo ? UART_FIFO : 1))
		u->loop[u->loop_used++] = byte;
}

/* People wait for lines; programs do not, and waking root takes time from the VM on its core. */
static bool is_worth_telling(const struct byte_ring *ring, u32 unit, u8 byte)
{
	return (byte == '\n' && unit == CONSOLE_COM1) || ring->head % (BYTE_RING_SIZE / 2) == 0;
}

/*
 * The interrupt goes away with the write and comes back when the byte is out, at once as a rule: an
 * edge for each byte, as an edge-triggered pin needs it.
 */
static void send(struct monitor *m, u32 unit, u8 byte)
{
	struct byte_ring *ring = out_ring(m, unit);
	struct uart *u = &m->uart[unit];

	if (looped(u)) {
		send_looped(u, byte);
	} else if (!ring_put(ring, byte)) {
		m->again = true;
		return;
	} else if (is_worth_telling(ring, unit, byte)) {
		sys_output(m->sys);
	}
	if ((u->ier & IER_SENT) == 0)
		return; /* nobody waits for an interrupt; enabling it later looks for itself */
	u->sent = false;
	update_line(m, unit);
	u->stalled = true;
	unstall(m, unit);
	update_line(m, unit);
}

static u8 receive(struct monitor *m, u32 unit)
{
	struct uart *u = &m->uart[unit];
	bool stalled; /* root asks for room when it has something to send */
	u8 byte = 0;

	if (u->broken && !looped(u)) {
		u->broken = false;
	} else if (!looped(u)) {
		(void)ring_get(&m->console->in[unit], &byte, 1, &stalled);
	} else if (u->loop_used > 0) {
		byte = u->loop[0];
		u->loop_used--;
		memmove(u->loop, u->loop + 1, u->loop_used);
	}
	return byte;
}

/*
 * A guest that looks here and sees no room looks again: no fence is needed. A break shows until its
 * character is read: a guest may look more than once before.
 */
static u32 line_status(struct monitor *m, u32 unit)
{
	const struct uart *u = &m->uart[unit];
	bool room = looped(u) || ring_room(out_ring(m, unit)) >= BYTE_RING_LOW;

	return (has_data(m, unit) ? LSR_DATA : 0u) | (room ? LSR_SENT : 0u) |
	       (u->broken && !looped(u) ? LSR_BREAK : 0u);
}

/* In loopback the modem inputs are the modem outputs (data sheet, section 8.7). */
static u32 modem_status(const struct uart *u)
{
	if (!looped(u))
		return MSR_CONNECTED;
	return ((u->mcr & MCR_RTS) != 0 ? MSR_CTS : 0u) | ((u->mcr & MCR_DTR) != 0 ? MSR_DSR : 0u) |
	       ((u->mcr & MCR_OUT1) != 0 ? MSR_RI : 0u) | ((u->mcr & MCR_OUT2) != 0 ? MSR_DCD : 0u);
}

/* Reading it acknowledges "transmitter empty", when that is what it shows. */
static u32 interrupt_identity(struct monitor *m, u32 unit)
{
	struct uart *u = &m->uart[unit];
	u32 iir = cause(m, unit);

	if (iir == IIR_SENT)
		u->sent = false;
	return iir | (u->fifo ? IIR_FIFO : 0u);
}

static u32 read_register(struct monitor *m, u32 unit, u32 offset)
{
	struct uart *u = &m->uart[unit];
	bool divisor = (u->lcr & LCR_DIVISOR) != 0;

	switch (offset) {
	case UART_DATA:
		return divisor ? u->divisor[0] : receive(m, unit);
	case UART_IER:
		return divisor ? u->divisor[1] : u->ier;
	case UART_IIR_FCR:
		return interrupt_identity(m, unit);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_MSR:
		return modem_status(u);
	default:
		return u->scratch;
	}
}

static NOINLINE u32 read_and_update(struct monitor *m, u32 unit, u32 offset)
{
	u32 value = read_register(m, unit, offset);

	update_line(m, unit);
	return value;
}

/* By far the most frequent are reads of the line status, and they have no effects. */
u32 uart_read(struct monitor *m, u32 unit, u32 offset)
{
	return offset == UART_LSR ? line_status(m, unit) : read_and_update(m, unit, offset);
}

/* Enabling the interrupt while the transmitter is empty raises it. */
static void set_ier(struct monitor *m, u32 unit, u8 value)
{
	struct uart *u = &m->uart[unit];
	bool enabled = (value & IER_SENT) != 0 && (u->ier & IER_SENT) == 0;

	u->ier = value & IER_ALL;
	if (enabled && can_send(m, unit))
		u->sent = true;
}

static void set_fifo(struct monitor *m, u32 unit, u8 value)
{
	struct uart *u = &m->uart[unit];

	u->fifo = (value & FCR_FIFO) != 0;
	if ((value & FCR_CLEAR_INPUT) != 0)
		u->loop_used = 0;
}

static void write_register(struct monitor *m, u32 unit, u32 offset, u8 value)
{
	struct uart *u = &m->uart[unit];
	bool divisor = (u->lcr & LCR_DIVISOR) != 0;

	switch (offset) {
	case UART_DATA:
		if (divisor)
			u->divisor[0] = value;
		else
			send(m, unit, value);
		break;
	case UART_IER:
		if (divisor)
			u->divisor[1] = value;
		else
			set_ier(m, unit, value);
		break;
	case UART_IIR_FCR:
		set_fifo(m, unit, value);
		break;
	case UART_LCR:
		u->lcr = value;
		break;
	case UART_MCR:
		u->mcr = value & MCR_ALL;
		break;
	case UART_SCRATCH:
		u->scratch = value;
		break;
	default: /* LSR, MSR: read-only */
		break;
	}
}

void uart_write(struct monitor *m, u32 unit, u32 offset, u32 value)
{
	write_register(m, unit, offset, (u8)value);
	if (offset != UART_DATA) /* send has done it */
		update_line(m, unit);
}

/* Several at once are one. */
static void look_for_break(struct monitor *m)
{
	struct uart *u = &m->uart[CONSOLE_COM1];
	u32 breaks = atomic_load_relaxed(&m->console->breaks);

	u->broken |= breaks != u->breaks;
	u->breaks = breaks;
}

void uart_signal(struct monitor *m)
{
	look_for_break(m);
	for (u32 unit = 0; unit < CONSOLE_CHANNELS; unit++) {
		unstall(m, unit);
		update_line(m, unit);
	}
}

void uart_init(struct monitor *m)
{
	for (u32 unit = 0; unit < CONSOLE_CHANNELS; unit++)
		m->uart[unit] = (struct uart){ .pin = pins[unit], .breaks = m->console->breaks };
}
