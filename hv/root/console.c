/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/root/console.h"

#include "hv/base/format.h"
#include "hv/base/string.h"

#define PROMPT     "tapvisor> "
#define ERASE_LINE "\r\033[K"

static void raw(struct console *c, const char *bytes, size_t n)
{
	if (n == 0)
		return;
	c->queue->out.put(&c->queue->out, bytes, n);
	c->dirty = bytes[n - 1] != '\n';
}

static void raw_text(struct console *c, const char *s)
{
	raw(c, s, strlen(s));
}

static void put_lines(struct console *c, const char *bytes, size_t n)
{
	size_t begin = 0;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\n')
			continue;
		raw(c, bytes + begin, i - begin);
		raw_text(c, "\r\n");
		begin = i + 1;
	}
	raw(c, bytes + begin, n - begin);
}

static void console_put(struct out *out, const char *bytes, size_t n)
{
	struct console *c = container_of(out, struct console, out);

	if (c->hold)
		c->held->out.put(&c->held->out, bytes, n);
	else
		put_lines(c, bytes, n);
}

static void screen_put(struct out *out, const char *bytes, size_t n)
{
	put_lines(container_of(out, struct console, screen), bytes, n);
}

void console_init(struct console *c, struct queue *queue, struct queue *held, bool interactive)
{
	*c = (struct console){ .out = { console_put },
		               .screen = { screen_put },
		               .queue = queue,
		               .held = held,
		               .focus = NO_FOCUS,
		               .interactive = interactive };
}

void console_begin(struct console *c)
{
	if (c->hold)
		return;
	if (c->prompt)
		raw_text(c, ERASE_LINE);
	else if (c->dirty)
		raw_text(c, "\r\n");
	c->prompt = false;
	c->dirty = false;
}

void console_end(struct console *c)
{
	if (c->hold || c->prompt || c->busy || !c->interactive || c->focus != NO_FOCUS)
		return;
	raw_text(c, PROMPT);
	raw(c, c->edit.text, c->edit.length);
	c->prompt = true;
}

void console_release(struct console *c)
{
	char byte = 0;

	console_begin(c);
	while (byte != '\n' && queue_take(c->held, &byte, 1) == 1)
		out_repeat(&c->out, byte, 1);
	console_end(c);
}

void console_say(struct console *c, const char *fmt, ...)
{
	char text[OUT_PRINT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)format_va(text, sizeof(text), fmt, args);
	va_end(args);
	console_begin(c);
	out_print(&c->out, "tapvisor: %s\n", text);
	console_end(c);
}

static void put_line(struct console *c, u32 vm, const char *name)
{
	struct console_line *line = &c->line[vm];

	console_begin(c);
	out_print(&c->out, "[%s] ", name);
	c->out.put(&c->out, line->text, line->length);
	out_text(&c->out, "\n");
	console_end(c);
	line->length = 0;
}

void console_flush_vm(struct console *c, u32 vm, const char *name)
{
	if (c->line[vm].length > 0)
		put_line(c, vm, name);
}

/*
 * Bytes 0x80 to 0x9f are control characters too (0x9b begins a sequence as ESC [ does), alone and
 * behind 0xc2; behind any other byte of that kind they are parts of UTF-8's letters.
 */
static char printable(u8 before, u8 byte)
{
	bool high = byte >= 0x80 && byte < 0xa0;

	if (high ? before < 0x80 || before == 0xc2 : (byte < ' ' && byte != '\t') || byte == 0x7f)
		return '.';
	return (char)byte;
}

void console_vm(struct console *c, u32 vm, const char *name, const u8 *bytes, u32 n)
{
	struct console_line *line = &c->line[vm];

	if (c->focus == vm) {
		raw(c, (const char *)bytes, n);
		return;
	}
	for (u32 i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			put_line(c, vm, name);
		} else if (bytes[i] != '\r') {
			u8 before = line->length > 0 ? (u8)line->text[line->length - 1] : 0;

			line->text[line->length++] = printable(before, bytes[i]);
			if (line->length == CONSOLE_LINE)
				put_line(c, vm, name);
		}
	}
}

void console_focus(struct console *c, u32 vm)
{
	console_begin(c);
	c->focus = vm;
	console_end(c);
}
