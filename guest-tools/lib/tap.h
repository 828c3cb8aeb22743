/* SPDX-License-Identifier: MIT */
/* Test results as TAP lines on the console. CPU 0 only. */
#ifndef GUEST_TAP_H
#define GUEST_TAP_H

#include "hv/base/types.h"

/* One test point; returns ok. */
bool tap_ok(bool ok, const char *format, ...) PRINTF_LIKE(2, 3);

/* A test point that also shows both values when they differ. */
bool tap_is(u64 got, u64 expected, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * A test point that counts under Tapvisor. Elsewhere, where an emulator or another hypervisor is
 * looked at, a failure is shown and forgiven for the reason given.
 */
bool tap_bare(bool ok, const char *reason, const char *format, ...) PRINTF_LIKE(3, 4);

/* A test point that cannot be made here, and why. */
void tap_skip(const char *what, const char *reason);

/* Prints the plan. 0 = every point was ok: the result of guest_main. */
MUST_USE int tap_done(void);

#endif
