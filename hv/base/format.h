/* SPDX-License-Identifier: MIT */
/*
 * A small printf formatter: pure, no state, no allocation; host-tested.
 *
 * Understands %d %u %x %c %s %p %% with the length letters l, ll and z, a width of up to 20, the
 * flags 0 and -, and %.*s. Anything else is copied as it stands.
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
