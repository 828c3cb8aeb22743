/* SPDX-License-Identifier: MIT */
/*
 * The line being typed on a serial terminal. Understands backspace and delete, ^U (all), ^W (word),
 * ^C (give up), TAB (the caller completes), ^T (the caller switches the focus), return; arrow up
 * and down, or ^P and ^N, bring earlier lines back. Other escape sequences are swallowed. Pure:
 * echo goes to a sink.
 */
#ifndef HV_ROOT_EDIT_H
#define HV_ROOT_EDIT_H

#include "hv/ring3/rt/out.h"

#define EDIT_SIZE    69u /* with the prompt in front it stays in a line of 80 columns */
#define EDIT_EARLIER 8u

enum edit_event {
	EDIT_NOTHING,
	EDIT_LINE,   /* `text` is a whole line; edit_clear once it is used */
	EDIT_CANCEL, /* ^C */
	EDIT_TAB,
	EDIT_SWITCH, /* ^T */
};

struct edit {
	char text[EDIT_SIZE]; /* terminated */
	u32 length;
	u32 escape; /* within an escape sequence: what is expected next */
	char earlier[EDIT_EARLIER][EDIT_SIZE]; /* a ring */
	u32 lines;                             /* ever put in there */
	u32 back;                              /* how many of them lie behind what is shown */
};

void edit_clear(struct edit *e);

/* The line is one to bring back later. */
void edit_remember(struct edit *e);

MUST_USE enum edit_event edit_key(struct edit *e, u8 key, struct out *echo);

/* Adds a completion's text at the end. */
void edit_insert(struct edit *e, const char *text, u32 length, struct out *echo);

#endif
