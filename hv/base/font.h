/* SPDX-License-Identifier: MIT */
/* Latin-1, a byte for each row of a character; made at build time by hv/host/font.py. */
#ifndef HV_BASE_FONT_H
#define HV_BASE_FONT_H

#include "hv/base/types.h"

#define FONT_WIDTH  8u
#define FONT_HEIGHT 16u

extern const u8 font[256][FONT_HEIGHT];

#endif
