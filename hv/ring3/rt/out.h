/* SPDX-License-Identifier: MIT */
/*
 * Text goes to a sink: the console, the telemetry line, a test's buffer. A sink takes bytes and
 * never fails; what it does when it is full is its own affair.
 */
#ifndef HV_RT_OUT_H
#define HV_RT_OUT_H

#include "hv/base/types.h"

struct out {
	void (*put)(struct out *out, const char *bytes, size_t n);
};

#define OUT_PRINT_MAX 512u /* what one out_print can say, with its NUL; more is cut */

void out_print(struct out *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
void out_text(struct out *out, const char *s);
void out_repeat(struct out *out, char c, size_t n);

/* A sink in memory: cut at its size, always terminated. */
struct out_memory {
	struct out out;
	char *text;
	size_t size, length;
};
void out_memory_init(struct out_memory *m, char *text, size_t size);

#endif
