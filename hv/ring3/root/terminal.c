/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/terminal.h"

#include "hv/base/bits.h"

#define DRAWS_PER_SECOND 20u
#define CHUNK            64u
#define CHUNKS           64u /* of a queue, before other things get their turn */
#define PAGE_SECONDS     10u /* that a page stands where nobody can press a key */

#define MORE  "-- more: any key; q: no more --"
#define ERASE "\r\033[K"

void terminal_init(struct terminal *t, const struct sys *sys, u64 hz, const struct port_ops *ports,
                   u16 port)
{
	t->sys = sys;
	t->hz = hz;
	t->serial = (struct serial){ 0 };
	t->has_screen = false;
	t->paging = t->open = t->held = t->skip = false;
	if (port != 0)
		serial_init(&t->serial, ports, port);
}

void terminal_add_screen(struct terminal *t, const struct port_ops *ports,
                         const struct screen *screen, void *memory)
{
	if (screen->address == 0)
		return;
	t->has_screen = true;
	t->next_draw = 0;
	display_init(&t->display, screen, memory);
	keyboard_init(&t->keyboard, ports);
	t->serial.copy = &t->display.out;
}

/* --- pages --- */

static bool screen_alone(const struct terminal *t)
{
	return t->has_screen && !t->serial.present;
}

static void hold(struct terminal *t, const char *text)
{
	t->held = true;
	t->held_until = t->keyboard.present ? 0 : t->sys->now() + PAGE_SECONDS * t->hz;
	out_text(&t->display.out, text);
	display_draw(&t->display);
}

bool terminal_hold(struct terminal *t, const char *text)
{
	if (!screen_alone(t))
		return false;
	hold(t, text);
	return true;
}

/* A key was pressed, or nobody can. */
static bool is_released(struct terminal *t)
{
	u8 key = 0;

	if (!keyboard_receive(&t->keyboard, &key) &&
	    (t->held_until == 0 || t->sys->now() < t->held_until))
		return false;
	t->held = false;
	t->skip = key == 'q';
	t->display.lines = 0;
	out_text(&t->display.out, ERASE);
	return true;
}

void terminal_pages(struct terminal *t)
{
	if (!screen_alone(t) || t->open)
		return;
	if (!t->paging)
		t->display.lines = 0;
	t->paging = t->open = true;
}

void terminal_pages_end(struct terminal *t, const struct queue *q)
{
	t->open = false;
	t->to = q->head;
}

/* Up to the end of a line, so that pages end there. */
static u32 take_line(struct queue *q, char *bytes)
{
	u32 n = 0;

	while (n < CHUNK && (n == 0 || bytes[n - 1] != '\n') && queue_take(q, &bytes[n], 1) == 1)
		n++;
	return n;
}

/* One piece, to the screen alone. */
static void show(struct terminal *t, struct queue *q)
{
	char bytes[CHUNK];
	u32 n = take_line(q, bytes);

	if (!t->paging || !t->skip)
		t->display.out.put(&t->display.out, bytes, n);
	if (t->paging && !t->open && (s32)(q->tail - t->to) >= 0)
		t->paging = t->skip = false;
	else if (t->paging && !t->skip && t->display.lines + 1 >= t->display.rows)
		hold(t, MORE);
}

static bool send_to_screen(struct terminal *t, struct queue *q)
{
	if (t->held && !is_released(t))
		return true;
	for (u32 i = 0; i < CHUNKS && queue_used(q) > 0 && !t->held; i++)
		show(t, q);
	return queue_used(q) > 0;
}

/* --- both --- */

/* False: the screen shows what it should. */
static bool draw(struct terminal *t)
{
	u64 now = t->sys->now();

	if (!t->has_screen || !t->display.dirty)
		return false;
	if (now < t->next_draw)
		return true;
	display_draw(&t->display);
	t->next_draw = now + t->hz / DRAWS_PER_SECOND;
	return false;
}

bool terminal_send(struct terminal *t, struct queue *q)
{
	bool more = screen_alone(t) ? send_to_screen(t, q) : serial_send(&t->serial, q);

	return draw(t) || more;
}

bool terminal_receive(struct terminal *t, u8 *byte)
{
	if (serial_receive(&t->serial, byte))
		return true;
	return t->has_screen && !t->held && keyboard_receive(&t->keyboard, byte);
}

bool terminal_idle(struct terminal *t)
{
	return serial_idle(&t->serial) && !t->held;
}
