/* SPDX-License-Identifier: MIT */
#include "hv/base/printk.h"

#include "hv/base/canvas.h"
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
#define UART_SCRATCH    7u

#define LINE_8N1         0x03u
#define LINE_DLAB        0x80u
#define FIFO_ON_CLEARED  0x07u
#define MODEM_DTR_RTS    0x03u
#define STATUS_THR_EMPTY 0x20u
#define STATUS_IDLE      0x40u /* the last bit has left the shift register */

/* A port that is not there reads as ones, so waits end; this bounds those of a broken one. */
#define WAIT_MAX 1000000u

static u16 console_port = PRINTK_NONE;
static struct canvas canvas;         /* of no rows: there is no screen */
static u32 column, row = UINT32_MAX; /* where the next character goes; far below: nowhere */
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

/* What goes below the last row is left out: a report's head is what counts. */
static void draw(const char *text, size_t len)
{
	for (size_t i = 0; i < len && row < canvas.rows; i++) {
		if (text[i] != '\n')
			canvas_put(&canvas, column++, row, (u8)text[i], canvas.ink, 0);
		if (text[i] == '\n' || column == canvas.columns) {
			row++;
			column = 0;
		}
	}
}

void console_write(const char *text, size_t len)
{
	if (!console_lock_broken)
		spin_lock(&console_lock);
	write_raw(text, len);
	draw(text, len);
	if (!console_lock_broken)
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

bool console_answers(u16 port)
{
	out8((u16)(port + UART_SCRATCH), 0x5a);
	return in8((u16)(port + UART_SCRATCH)) == 0x5a;
}

void console_screen(const struct screen *screen, void *memory)
{
	canvas_init(&canvas, screen, memory);
}

void console_show(void)
{
	for (u32 i = 0; i < canvas.columns * canvas.rows; i++)
		canvas_put(&canvas, i % canvas.columns, i / canvas.columns, ' ', canvas.ink, 0);
	row = column = 0;
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
