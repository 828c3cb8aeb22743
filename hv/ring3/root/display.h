/* SPDX-License-Identifier: MIT */
/*
 * The screen as a terminal: text with the control sequences of ECMA-48 that programs use on a plain
 * terminal, in cells; what has changed is drawn when display_draw is called. Pure but for the
 * canvas's memory.
 */
#ifndef HV_ROOT_DISPLAY_H
#define HV_ROOT_DISPLAY_H

#include "hv/base/canvas.h"
#include "hv/ring3/rt/out.h"

/* Of a larger screen the rest stays as it is. */
#define DISPLAY_COLUMNS    240u
#define DISPLAY_ROWS       100u
#define DISPLAY_PARAMETERS 8u

/* A character, and its colours by ANSI's numbers: paper 15:12, ink 11:8. */
typedef u16 display_cell;

struct display {
	struct out out; /* the terminal: "\n" goes down, "\r" to the left margin */
	struct canvas canvas;
	u32 columns, rows;
	u32 x, y;    /* the cursor's place; x == columns: behind the last column */
	u32 lines;   /* that were begun, for the caller to set to 0 */
	bool hidden; /* the cursor is */
	bool dirty;  /* something may have to be drawn */

	u8 ink, paper; /* of what is written */
	bool inverse;

	u32 state; /* of the parser: enum state in display.c */
	u32 parameter[DISPLAY_PARAMETERS], parameters;
	u32 code, more; /* of a character in UTF-8: so far, and bytes to come */

	u32 pixel[16]; /* ANSI's colours as the canvas has them */
	display_cell cell[DISPLAY_ROWS][DISPLAY_COLUMNS];
	display_cell shown[DISPLAY_ROWS][DISPLAY_COLUMNS];
};

/* `memory` is where the screen is mapped. What stands on it stays; the cursor is below it. */
void display_init(struct display *d, const struct screen *screen, void *memory);

/* Brings the screen up to date. */
void display_draw(struct display *d);

#endif
