/* SPDX-License-Identifier: MIT */
#include "hv/base/printk.h"

#include "hv/base/format.h"
#include "hv/base/spinlock.h"
#include "hv/base/x86.h"

/* 16550 registers, offsets from the port; with DLAB set, 0 and 1 are the divisor. */
#define UART_DATA       0u
#define UART_INTERRUPTS 1u
#define UART_FIFO       2u
#define UART_LINE       3u
#define UART_MODEM      4u
#define UART_STATUS     5u

#define LINE_8N1         0x03u
#define LINE_DLAB        0x80u
#define FIFO_ON_CLEARED  0x07u
#define MODEM_DTR_RTS    0x03u
#define STATUS_THR_EMPTY 0x20u
#define STATUS_IDLE      0x40u /* the last bit has left the shift register */

/* A port that is not there reads as ones, so waits end; this bounds those of a broken one. */
#define WAIT_MAX 1000000u

static u16 console_port = PRINTK_NONE;
static struct spinlock console_lock;
static bool console_lock_broken;

static void wait_status(u8 bits)
{
	for (u32 i = 0; i < WAIT_MAX && (in8((u16)(console_port + UART_STATUS)) & bits) == 0; i++)
		cpu_pause();
}

static void write_raw(const char *text, size_t len)
{
	if (console_port == PRINTK_NONE)
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			wait_status(STATUS_THR_EMPTY);
			out8((u16)(console_port + UART_DATA), '\r');
		}
		wait_status(STATUS_THR_EMPTY);
		out8((u16)(console_port + UART_DATA), (u8)text[i]);
	}
}

void console_write(const char *text, size_t len)
{
	if (console_lock_broken) {
		write_raw(text, len);
		return;
	}
	spin_lock(&console_lock);
	write_raw(text, len);
	spin_unlock(&console_lock);
}

void printk(const char *fmt, ...)
{
	char text[256];
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = format_va(text, sizeof(text), fmt, args);
	va_end(args);
	console_write(text, len);
}

void console_select(u16 port)
{
	console_drain();
	console_port = port;
	if (port == PRINTK_NONE)
		return;
	out8((u16)(port + UART_INTERRUPTS), 0);
	out8((u16)(port + UART_LINE), LINE_DLAB);
	out8((u16)(port + UART_DATA), 1); /* 115,200 baud */
	out8((u16)(port + UART_INTERRUPTS), 0);
	out8((u16)(port + UART_LINE), LINE_8N1);
	out8((u16)(port + UART_FIFO), FIFO_ON_CLEARED);
	out8((u16)(port + UART_MODEM), MODEM_DTR_RTS);
}

void console_break_lock(void)
{
	console_lock_broken = true;
}

void console_drain(void)
{
	if (console_port != PRINTK_NONE)
		wait_status(STATUS_IDLE);
}
