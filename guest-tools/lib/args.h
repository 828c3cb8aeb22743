/* SPDX-License-Identifier: MIT */
/*
 * The image's arguments: words and key=value pairs. Where the command line has a "--", what follows
 * it counts; else all but a first word that looks like the image's own path.
 */
#ifndef GUEST_ARGS_H
#define GUEST_ARGS_H

#include "hv/base/types.h"

/* Splits a copy of the line. Once, before the rest. */
void args_parse(const char *command_line);

/*
 * An image that does several things in turn calls this before each: words are then those up to the
 * next `separator` alone, and a key counts from where it stands on, until it is given again. False:
 * that was all. Without a call everything counts.
 */
bool args_next(const char *separator);

/* The n-th word without '=', or fallback. */
const char *args_word(u32 n, const char *fallback);

/* The value of a key, or fallback. A value that is not a number ends the guest with a message. */
const char *args_text(const char *key, const char *fallback);
u64 args_number(const char *key, u64 fallback);

/* Ends the guest with a message if there is a key not asked for by now. */
void args_finish(void);

#endif
