/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/rt/out.h"

#include "hv/base/bits.h"
#include "hv/base/format.h"
#include "hv/base/string.h"

void out_print(struct out *out, const char *fmt, ...)
{
	char text[OUT_PRINT_MAX];
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = format_va(text, sizeof(text), fmt, args);
	va_end(args);
	out->put(out, text, n);
}

void out_text(struct out *out, const char *s)
{
	out->put(out, s, strlen(s));
}

void out_repeat(struct out *out, char c, size_t n)
{
	char piece[16];

	memset(piece, c, sizeof(piece));
	for (; n > sizeof(piece); n -= sizeof(piece))
		out->put(out, piece, sizeof(piece));
	out->put(out, piece, n);
}

static void memory_put(struct out *out, const char *bytes, size_t n)
{
	struct out_memory *m = container_of(out, struct out_memory, out);

	n = MIN(n, m->size - 1 - m->length);
	memcpy(m->text + m->length, bytes, n);
	m->length += n;
	m->text[m->length] = 0;
}

void out_memory_init(struct out_memory *m, char *text, size_t size)
{
	*m = (struct out_memory){ { memory_put }, text, size, 0 };
	text[0] = 0;
}
