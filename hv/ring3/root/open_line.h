/* SPDX-License-Identifier: MIT */
/*
 * The line that a VM has begun and not ended, as it wrote it: what is printed with its name in
 * front once it ends, and what is drawn again at the bottom when others' lines came between while
 * the VM had the terminal. Pure.
 */
#ifndef HV_ROOT_OPEN_LINE_H
#define HV_ROOT_OPEN_LINE_H

#include "hv/ring3/rt/out.h"

#define OPEN_LINE_MAX 256u

struct open_line {
	char text[OPEN_LINE_MAX];
	u32 length;
	bool cut; /* there was more than has room here */
};

void open_line_clear(struct open_line *line);

/* False: there is no room; the line is cut. The byte is not a newline. */
bool open_line_add(struct open_line *line, u8 byte);

/*
 * Without what could paint over others' output: escape sequences are left out, other control
 * characters become dots.
 */
void open_line_print(const struct open_line *line, struct out *out);

/*
 * As it stands on a terminal, from the left margin: carriage returns, backspaces, attributes,
 * movements within the line, and what is erased behind. Not what would leave the line, or ask the
 * terminal for an answer, which the VM would take for typed.
 */
void open_line_draw(const struct open_line *line, struct out *out);

#endif
