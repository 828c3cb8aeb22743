/* SPDX-License-Identifier: MIT */
/*
 * The kernel's console: boot steps, warnings and the crash report, on a serial port, the screen, or
 * both.
 *
 * Callable from any core once the first instruction of C has run, with interrupts off. The text of
 * one call is not interleaved with another core's; it is cut at 255 bytes. Waits for the port, some
 * 87 microseconds a character: never on a path that is measured.
 */
#ifndef HV_BASE_PRINTK_H
#define HV_BASE_PRINTK_H

#include "hv/base/types.h"

void printk(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Writes bytes as they are, "\n" becoming "\r\n", under the same lock. */
void console_write(const char *text, size_t len);

/* Which port the console is: 0 for none, else COM1 or COM2. Sets the port to 115,200 8N1. */
#define PRINTK_NONE 0
#define PRINTK_COM1 0x3f8
#define PRINTK_COM2 0x2f8
void console_select(u16 port);

/* Is there a port with a scratch register? One that is not there reads as ones. */
MUST_USE bool console_answers(u16 port);

/*
 * There is a screen, mapped at `memory`. From console_show on it has what is printed, from its top;
 * what stood there goes. Without a screen that does nothing.
 */
struct screen;
void console_screen(const struct screen *screen, void *memory);
void console_show(void);

/*
 * For the crash report only: from now on printk takes no lock, so that a core that stopped in the
 * middle of a line cannot hold up the report.
 */
void console_break_lock(void);

/* Returns when the last character has left the port: before the machine is ended. */
void console_drain(void);

#endif
