/* SPDX-License-Identifier: MIT */
#include <stdarg.h>

#include "guest-tools/lib/tap.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/print.h"

static u32 points, failures;

/* todo: a failure is forgiven, for that reason. */
static void tap_point(bool ok, const char *todo, const char *format, va_list args)
{
	points++;
	failures += !ok && todo == NULL;
	print("%sok %u - ", ok ? "" : "not ", points);
	print_args(format, args);
	if (!ok && todo != NULL)
		print(" # TODO %s", todo);
	print("\n");
}

bool tap_bare(bool ok, const char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_point(ok, hypervisor.tapvisor_base != 0 ? NULL : reason, format, args);
	va_end(args);
	return ok;
}

bool tap_ok(bool ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_point(ok, NULL, format, args);
	va_end(args);
	return ok;
}

bool tap_is(u64 got, u64 expected, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_point(got == expected, NULL, format, args);
	va_end(args);
	if (got != expected)
		print("# got %lx, expected %lx\n", got, expected);
	return got == expected;
}

void tap_skip(const char *what, const char *reason)
{
	print("ok %u - %s # SKIP %s\n", ++points, what, reason);
}

int tap_done(void)
{
	print("1..%u\n", points);
	if (failures != 0)
		print("# %u of %u failed\n", failures, points);
	return failures != 0;
}
