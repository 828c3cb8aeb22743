/* SPDX-License-Identifier: MIT */
/* The screen as the boot loader left it, and the words that choose a console. */
#ifndef HV_ABI_SCREEN_H
#define HV_ABI_SCREEN_H

#include "hv/base/types.h"

/* As Multiboot 2 has it (3.6.12), but that characters are of depth 0. */
struct screen {
	u64 address;       /* physical, on a page's boundary; 0: there is no screen */
	u32 pitch;         /* bytes from one line to the next */
	u32 width, height; /* in pixels or characters */
	u8 depth;          /* bits of a pixel: 16, 24, 32; 0: the characters of VGA's text mode */
	u8 type;
	u16 reserved;
	u8 red_at, red_size, green_at, green_size, blue_at, blue_size; /* bits of a pixel */
};

#define SCREEN_BYTES_MAX 0x4000000ul /* that it may have: 64 MiB */

static inline u64 screen_size(const struct screen *s)
{
	return (u64)s->pitch * s->height;
}

/* What may stand behind console=; the first that fits is chosen without it, by what there is. */
static const struct console_choice {
	char name[14];
	u16 port; /* of a UART, or 0 */
	bool screen;
} console_choices[] = {
	{ "com1", 0x3f8, false },       { "screen", 0, true },
	{ "com1,screen", 0x3f8, true }, { "serial,screen", 0x3f8, true },
	{ "serial", 0x3f8, false },     { "com2", 0x2f8, false },
	{ "com2,screen", 0x2f8, true }, { "none", 0, false },
};

#endif
