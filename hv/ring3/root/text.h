/* SPDX-License-Identifier: MIT */
/* Columns of tables for people. Pure. */
#ifndef HV_ROOT_TEXT_H
#define HV_ROOT_TEXT_H

#include "hv/ring3/rt/out.h"

/* Flush left, and flush right; what is too long is not cut. */
void text_left(struct out *out, const char *s, u32 width);
void text_right(struct out *out, const char *s, u32 width);

/* 1,234,567 */
void text_number(struct out *out, u64 value, u32 width);

/* 9999, 12.3k, 123k, 1.2M: at most five characters wide */
void text_short(struct out *out, u64 value, u32 width);

/* 12.3%; "-" when there is no whole */
void text_percent(struct out *out, u64 part, u64 whole, u32 width);

#endif
