/* SPDX-License-Identifier: MIT */
/*
 * Formatted output. Conversions: %s %c %d %ld %u %lu %x %lx %p %%, with width, '-' and '0'.
 * Callers on several CPUs must take turns.
 */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#include <stdarg.h>

#include "hv/base/types.h"

/* To the console. */
void print(const char *format, ...) PRINTF_LIKE(1, 2);
void print_args(const char *format, va_list args);

/* To the machine port: one JSON object a line. */
void print_machine(const char *format, ...) PRINTF_LIKE(1, 2);

/* Into a buffer, always ended; returns what the whole length would have been. */
size_t print_to(char *buffer, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
