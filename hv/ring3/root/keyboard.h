/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 keyboard behind an 8042, or what firmware makes look so of a USB one, polled. Keys become
 * the bytes that a terminal would send, by a US layout. A controller that is not there reads as
 * ones; one that answers nothing, or anything, costs a bounded time.
 */
#ifndef HV_ROOT_KEYBOARD_H
#define HV_ROOT_KEYBOARD_H

#include "hv/ring3/rt/port.h"

#define KEYBOARD_PENDING 8u /* a power of two; the longest key has four bytes */

struct keyboard {
	const struct port_ops *ports;
	bool present;  /* one has answered, or sent something */
	bool extended; /* a prefix byte 0xe0 was the last */
	u32 skip;      /* bytes to come of a Pause key */
	u32 held;      /* shift, control and caps lock: bits in keyboard.c */
	u8 pending[KEYBOARD_PENDING];
	u32 head, tail;
};

/* Switches the controller to scan code set 1, without interrupts and without its mouse. */
void keyboard_init(struct keyboard *k, const struct port_ops *ports);

/* False: no key has been pressed. */
MUST_USE bool keyboard_receive(struct keyboard *k, u8 *byte);

/* One byte of the keyboard's, in set 1: what it means goes to `pending`. For tests. */
void keyboard_scan(struct keyboard *k, u8 code);

#endif
