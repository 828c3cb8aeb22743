/* SPDX-License-Identifier: MIT */
/* Columns of tables for people. Pure. */
#ifndef HV_ROOT_TEXT_H
#define HV_ROOT_TEXT_H

#include "hv/ring3/rt/out.h"

/* What is printed for people is not wider, unless a VM or a command line wrote it. */
#define TEXT_COLUMNS 100u

/* Flush left, and flush right; what is too long is not cut. */
void text_left(struct out *out, const char *s, u32 width);
void text_right(struct out *out, const char *s, u32 width);

/*
 * 1,234,567; what would leave no space before it in its column, in thousands (k), millions (M)
 * and so on: 123,456k. Width 0 is no column: whole.
 */
void text_number(struct out *out, u64 value, u32 width);

/* 9999, 12.3k, 123k, 1.2M: at most five characters wide */
void text_short(struct out *out, u64 value, u32 width);

/* 12.3%; "-" when there is no whole */
void text_percent(struct out *out, u64 part, u64 whole, u32 width);

/*
 * A sink that breaks lines at spaces so that they fit TEXT_COLUMNS; what follows a break is
 * indented. A line goes on to `to` when it ends.
 */
struct text_fold {
	struct out out;
	struct out *to;
	u32 length;
	char line[OUT_PRINT_MAX]; /* a longer one is ended early */
};
void text_fold_init(struct text_fold *f, struct out *to);

#endif
