/* SPDX-License-Identifier: MIT */
/*
 * One terminal for all: the lines of each VM with its name before them, what root itself says, the
 * prompt with what is being typed, and one VM that may have the terminal for itself (the focus).
 *
 * In lines, escape sequences are left out and control characters become dots, so that no VM can
 * paint over another's output. A line longer than OPEN_LINE_MAX is broken. A VM with the focus
 * writes as it likes; others' lines are put between, and the line that it has begun, its own prompt
 * perhaps, is drawn again below them. Pure: all of it ends in a struct queue.
 */
#ifndef HV_ROOT_CONSOLE_H
#define HV_ROOT_CONSOLE_H

#include "hv/abi/limits.h"
#include "hv/ring3/root/edit.h"
#include "hv/ring3/root/open_line.h"
#include "hv/ring3/root/queue.h"

#define NO_FOCUS ROOT_VM

struct console {
	struct out out; /* text of many lines: "\n" becomes "\r\n" */
	struct out
		screen; /* the same for what draws over the whole terminal, while `hold` is set */
	struct queue *queue;
	struct queue *held; /* where lines wait meanwhile */
	bool hold;          /* the terminal is drawn over: all through `out` goes to `held` */
	u32 focus;          /* a VM's id, or NO_FOCUS */
	bool interactive;   /* there is a prompt when nobody has the focus */
	bool typed;         /* somebody has: the terminal is one, and no file */
	bool bottom; /* the prompt, or the open line of who has the focus, stands there now */
	bool busy;   /* a command runs: no prompt until it is done */
	bool dirty;  /* the terminal's cursor is not at the left margin */
	bool torn;   /* characters of the line being typed were lost */
	struct edit edit;
	struct open_line line[MAX_VMS];
};

void console_init(struct console *c, struct queue *queue, struct queue *held, bool interactive);

/* Bytes that a VM has written. */
void console_vm(struct console *c, u32 vm, const char *name, const u8 *bytes, u32 n);

/* One line that was held, to the terminal; not while `hold` is set. */
void console_release(struct console *c);

/* What a VM has begun to write and will not end. */
void console_flush_vm(struct console *c, u32 vm, const char *name);

void console_focus(struct console *c, u32 vm);

/*
 * Around any text through c->out: what stands at the bottom goes away and comes back, and the text
 * begins at the left margin.
 */
void console_begin(struct console *c);
void console_end(struct console *c);

/* One line of root's own: "tapvisor: ..." */
void console_say(struct console *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
