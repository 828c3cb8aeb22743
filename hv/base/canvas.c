/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/base/canvas.h"

#include "hv/base/bits.h"
#include "hv/base/font.h"

void canvas_init(struct canvas *c, const struct screen *s, void *memory)
{
	/* Large letters leave 100 columns and 25 rows. */
	u32 scale = MIN(s->width / (100 * FONT_WIDTH), s->height / (25 * FONT_HEIGHT));

	*c = (struct canvas){ memory, s->pitch, s->width, s->height, 0, 0, 7 };
	if (s->depth == 0)
		return;
	c->scale = MAX(scale, 1u);
	c->columns = s->width / (FONT_WIDTH * c->scale);
	c->rows = s->height / (FONT_HEIGHT * c->scale);
	c->bytes = s->depth / 8;
	c->ink = ~0u;
}

static void put_pixel(u8 *at, u32 bytes, u32 colour)
{
	if (bytes == sizeof(colour))
		*(volatile u32 *)(void *)at = colour;
	else
		for (u32 i = 0; i < bytes; i++)
			((volatile u8 *)at)[i] = (u8)(colour >> 8 * i);
}

void canvas_put(const struct canvas *c, u32 column, u32 row, u8 byte, u32 ink, u32 paper)
{
	u32 width = FONT_WIDTH * c->scale, height = FONT_HEIGHT * c->scale;

	if (c->bytes == 0)
		*(volatile u16 *)(void *)(c->memory + row * c->pitch +
		                          2 * column) = (u16)(paper << 12 | ink << 8 | byte);
	for (u32 y = 0; y < height; y++) {
		u8 *at = c->memory + (row * height + y) * c->pitch + column * width * c->bytes;
		u32 bits = font[byte][y / c->scale];

		for (u32 x = 0; x < width; x++, at += c->bytes)
			put_pixel(at, c->bytes, (bits << x / c->scale & 0x80) != 0 ? ink : paper);
	}
}
