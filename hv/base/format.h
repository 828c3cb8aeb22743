/* SPDX-License-Identifier: MIT */
/*
 * A small printf formatter: pure, no state, no allocation; host-tested.
 *
 * Understands %d %i %u %x %X %c %s %p %% with the length letters l, ll and z, a width (also *), the
 * flags 0 and -, and a precision for %s. Anything else is copied as it stands.
 */
#ifndef HV_BASE_FORMAT_H
#define HV_BASE_FORMAT_H

#include <stdarg.h>

#include "hv/base/types.h"

/*
 * Writes at most size bytes, the terminating 0 included, to out; size must not be 0. Returns the
 * length of what is there, without the 0: less than size, even when the text was cut.
 */
size_t format_va(char *out, size_t size, const char *fmt, va_list args);
size_t format(char *out, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
