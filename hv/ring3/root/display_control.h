/* SPDX-License-Identifier: MIT */
/* Between the files of the display: cells, and what the control sequences do with them. */
#ifndef HV_ROOT_DISPLAY_CONTROL_H
#define HV_ROOT_DISPLAY_CONTROL_H

#include "hv/ring3/root/display.h"

/* The sink. */
void display_put(struct out *out, const char *bytes, size_t n);

/* Writes a character of Latin-1 at the cursor, which moves; a full line goes on in the next. */
void display_letter(struct display *d, u8 byte);

/* Down, or up with all lines. */
void display_newline(struct display *d);

/* Blanks columns from..to - 1 of a row. */
void display_erase(struct display *d, u32 y, u32 from, u32 to);

/* The rows from `from` on go up or down by n. */
void display_scroll(struct display *d, u32 from, u32 n, bool up);

/* What stands at the cursor and behind it in its row goes left or right by n. */
void display_shift(struct display *d, u32 n, bool left);

#endif
