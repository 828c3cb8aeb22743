/* SPDX-License-Identifier: MIT */
/*
 * Where a person sits: a serial port, or the machine's screen and keyboard, or all of them at once.
 *
 * On a screen alone nothing can be scrolled back. What is printed between terminal_pages and
 * terminal_pages_end there waits for a key after each screenful; q skips the rest of it. Without a
 * keyboard each page stands for some seconds.
 */
#ifndef HV_ROOT_TERMINAL_H
#define HV_ROOT_TERMINAL_H

#include "hv/ring3/root/display.h"
#include "hv/ring3/root/keyboard.h"
#include "hv/ring3/root/queue.h"
#include "hv/ring3/root/serial.h"
#include "hv/ring3/rt/sys.h"

struct terminal {
	const struct sys *sys;
	u64 hz;
	struct serial serial;
	bool has_screen;
	struct display display; /* has_screen: this and the keyboard are in use */
	struct keyboard keyboard;
	u64 next_draw; /* TSC: not before */

	/* Pages: a part of the queue's bytes, by its free-running offsets. */
	bool paging, open; /* open: its end is not known yet */
	u32 to;
	bool held;      /* waits for a key */
	bool skip;      /* what is left of the part is not shown */
	u64 held_until; /* TSC; 0: for ever */
};

/* `port`: of the UART, or 0. `screen`: what root_info has, and where it is mapped; or NULL. */
void terminal_init(struct terminal *t, const struct sys *sys, u64 hz, const struct port_ops *ports,
                   u16 port);
void terminal_add_screen(struct terminal *t, const struct port_ops *ports,
                         const struct screen *screen, void *memory);

/* Takes from the queue what the serial port takes, or the screen alone. True: there is more. */
bool terminal_send(struct terminal *t, struct queue *q);

/* False: nothing was typed. */
MUST_USE bool terminal_receive(struct terminal *t, u8 *byte);

/* Has the last character left the port? */
bool terminal_idle(struct terminal *t);

/* Around what is put into the queue to be read in pages. */
void terminal_pages(struct terminal *t);
void terminal_pages_end(struct terminal *t, const struct queue *q);

/* On a screen alone: what stands there is read until a key is pressed. False: there is no wait. */
bool terminal_hold(struct terminal *t, const char *text);

#endif
