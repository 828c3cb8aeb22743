/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/console.h"

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

/* What the VM with the focus has begun; NULL: nothing that can be drawn again. */
static struct open_line *focus_line(struct console *c)
{
	struct open_line *line = c->focus == NO_FOCUS ? NULL : &c->line[c->focus];

	return line != NULL && !line->cut && (c->interactive || c->typed) ? line : NULL;
}

void console_begin(struct console *c)
{
	if (c->hold)
		return;
	if (c->dirty)
		raw_text(c, c->bottom ? ERASE_LINE : "\r\n");
	c->bottom = false;
	c->dirty = false;
}

static void draw_prompt(struct console *c)
{
	raw_text(c, PROMPT);
	raw(c, c->edit.text, c->edit.length);
}

static void draw_line(struct console *c, const struct open_line *line)
{
	open_line_draw(line, &c->screen);
	c->dirty = line->length > 0;
}

void console_end(struct console *c)
{
	struct open_line *line = focus_line(c);

	if (c->hold || c->bottom || c->busy)
		return;
	c->bottom = line != NULL || (c->interactive && c->focus == NO_FOCUS);
	if (line != NULL)
		draw_line(c, line);
	else if (c->bottom)
		draw_prompt(c);
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

/* Between console_begin and console_end. */
static void put_line(struct console *c, u32 vm, const char *name)
{
	out_print(&c->out, "[%s] ", name);
	open_line_print(&c->line[vm], &c->out);
	out_text(&c->out, "\n");
	open_line_clear(&c->line[vm]);
}

void console_flush_vm(struct console *c, u32 vm, const char *name)
{
	if (c->focus == vm) {
		c->bottom = false; /* it stands there already, and stays */
	} else if (c->line[vm].length > 0) {
		console_begin(c);
		put_line(c, vm, name);
		console_end(c);
	}
	open_line_clear(&c->line[vm]);
}

static void put_focus(struct console *c, struct open_line *line, const u8 *bytes, u32 n)
{
	raw(c, (const char *)bytes, n);
	for (u32 i = 0; i < n; i++) {
		if (bytes[i] == '\n')
			open_line_clear(line);
		else
			(void)open_line_add(line, bytes[i]);
	}
	c->bottom = focus_line(c) != NULL;
}

/* Around all lines that a piece has the ends of, so that what stands below is drawn once. */
static void put_lines_of(struct console *c, u32 vm, const char *name, const u8 *bytes, u32 n)
{
	struct open_line *line = &c->line[vm];
	bool begun = false;

	for (u32 i = 0; i < n; i++) {
		bool ends = bytes[i] == '\n';

		if (!ends && open_line_add(line, bytes[i]))
			continue;
		if (!begun)
			console_begin(c);
		begun = true;
		put_line(c, vm, name);
		if (!ends)
			(void)open_line_add(line, bytes[i]);
	}
	if (begun)
		console_end(c);
}

void console_vm(struct console *c, u32 vm, const char *name, const u8 *bytes, u32 n)
{
	if (c->focus == vm)
		put_focus(c, &c->line[vm], bytes, n);
	else
		put_lines_of(c, vm, name, bytes, n);
}

void console_focus(struct console *c, u32 vm)
{
	if (c->focus != NO_FOCUS)
		c->bottom = false; /* what the VM has begun stays */
	console_begin(c);
	c->focus = vm;
	console_end(c);
}
