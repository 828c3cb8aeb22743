/* SPDX-License-Identifier: MIT */
/*
 * The end of a guest, by whatever the machine has: isa-debug-exit (port 0xf4; QEMU and Tapvisor
 * show value * 2 + 1, 0 written means success), Bochs' shutdown port, at last HLT for ever.
 */
#ifndef GUEST_EXIT_H
#define GUEST_EXIT_H

#include "hv/base/types.h"

enum exit_value {
	EXIT_PASS = 0,
	EXIT_FAIL = 1,
	EXIT_EXCEPTION = 2,
	EXIT_USAGE = 3,
};

void guest_exit(enum exit_value value) NORETURN;

#endif
