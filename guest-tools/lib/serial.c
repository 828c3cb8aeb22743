/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/serial.h"
#include "guest-tools/lib/cpu.h"

/* Registers (offset from the port's base) and bits, PC16550D. */
enum {
	UART_DATA = 0,
	UART_INTERRUPTS = 1,
	UART_FIFO = 2, /* written: control; read: identification */
	UART_LINE = 3,
	UART_MODEM = 4,
	UART_STATUS = 5,
	UART_SCRATCH = 7,
};

#define LINE_8N1        0x03u
#define LINE_DIVISOR    0x80u
#define FIFO_ENABLE     0x07u
#define FIFO_IS_ENABLED 0xc0u
#define MODEM_DTR_RTS   0x03u
#define STATUS_THR_FREE 0x20u
#define STATUS_IDLE     0x40u
#define FIFO_DEPTH      16u

/* A port that never reports room must not hang the guest. */
#define WAIT_LIMIT 10000000u

struct uart {
	u16 base; /* 0 = there is none */
	u8 room;  /* characters that the transmitter surely still takes */
	u8 depth;
};

static struct uart uarts[2];

static void uart_init(struct uart *uart, u16 base)
{
	outb((u16)(base + UART_SCRATCH), 0x5a);
	if (inb((u16)(base + UART_SCRATCH)) != 0x5a)
		return;
	uart->base = base;
	outb((u16)(base + UART_INTERRUPTS), 0);
	outb((u16)(base + UART_LINE), LINE_DIVISOR);
	outb((u16)(base + UART_DATA), 1); /* 115,200 baud */
	outb((u16)(base + UART_INTERRUPTS), 0);
	outb((u16)(base + UART_LINE), LINE_8N1);
	outb((u16)(base + UART_FIFO), FIFO_ENABLE);
	outb((u16)(base + UART_MODEM), MODEM_DTR_RTS);
	uart->depth = 1;
	if ((inb((u16)(base + UART_FIFO)) & FIFO_IS_ENABLED) == FIFO_IS_ENABLED)
		uart->depth = FIFO_DEPTH;
}

void serial_init(void)
{
	uart_init(&uarts[SERIAL_CONSOLE], 0x3f8);
	uart_init(&uarts[SERIAL_MACHINE], 0x2f8);
}

bool serial_has_machine_port(void)
{
	return uarts[SERIAL_MACHINE].base != 0;
}

static void uart_wait(const struct uart *uart, u8 status)
{
	for (u32 i = 0; i < WAIT_LIMIT; i++) {
		if (inb((u16)(uart->base + UART_STATUS)) & status)
			return;
		cpu_relax();
	}
}

static void uart_put(struct uart *uart, char c)
{
	if (uart->room == 0) {
		uart_wait(uart, STATUS_THR_FREE);
		uart->room = uart->depth;
	}
	outb((u16)(uart->base + UART_DATA), (u8)c);
	uart->room--;
}

void serial_put(enum serial_port port, char c)
{
	struct uart *uart = &uarts[port];

	if (uart->base == 0)
		uart = &uarts[SERIAL_CONSOLE];
	if (uart->base == 0)
		return;
	if (c == '\n' && uart == &uarts[SERIAL_CONSOLE])
		uart_put(uart, '\r');
	uart_put(uart, c);
}

void serial_drain(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(uarts); i++)
		if (uarts[i].base != 0)
			uart_wait(&uarts[i], STATUS_IDLE);
}
