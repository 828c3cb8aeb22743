/* SPDX-License-Identifier: MIT */
/*
 * Characters on the screen, in pixels by the built-in font or in VGA's text memory: for ring 0's
 * log and for root alike. Pure; a character at a place is all there is.
 */
#ifndef HV_BASE_CANVAS_H
#define HV_BASE_CANVAS_H

#include "hv/abi/screen.h"

struct canvas {
	u8 *memory;
	u32 pitch, columns, rows;
	u32 bytes; /* of a pixel; 0: text memory */
	u32 scale; /* pixels of the screen for one of the font, each way */
	u32 ink;   /* light on a dark ground, which is 0 */
};

/* `memory` is where the screen is mapped. Large screens get large letters: 100 columns at least. */
void canvas_init(struct canvas *c, const struct screen *screen, void *memory);

/* Column and row are within the canvas. Colours: a pixel's value, or VGA's number from 0 to 15. */
void canvas_put(const struct canvas *c, u32 column, u32 row, u8 byte, u32 ink, u32 paper);

#endif
