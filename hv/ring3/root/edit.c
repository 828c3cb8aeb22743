/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/edit.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"

#define KEY(letter)   ((letter) - '@')
#define KEY_ESCAPE    0x1bu
#define KEY_BACKSPACE 0x08u
#define KEY_DELETE    0x7fu

enum escape_state { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_SEQUENCE };

void edit_clear(struct edit *e)
{
	e->length = 0;
	e->text[0] = 0;
	e->back = 0;
}

void edit_remember(struct edit *e)
{
	const char *last = e->earlier[(e->lines - 1) % EDIT_EARLIER];

	if (e->length == 0 || (e->lines > 0 && strcmp(last, e->text) == 0))
		return;
	memcpy(e->earlier[e->lines++ % EDIT_EARLIER], e->text, EDIT_SIZE);
}

static void rub_out(struct edit *e, struct out *echo)
{
	if (e->length == 0)
		return;
	e->text[--e->length] = 0;
	out_text(echo, "\b \b");
}

static void rub_out_word(struct edit *e, struct out *echo)
{
	while (e->length > 0 && e->text[e->length - 1] == ' ')
		rub_out(e, echo);
	while (e->length > 0 && e->text[e->length - 1] != ' ')
		rub_out(e, echo);
}

void edit_insert(struct edit *e, const char *text, u32 length, struct out *echo)
{
	for (u32 i = 0; i < length && e->length + 1 < EDIT_SIZE; i++) {
		e->text[e->length++] = text[i];
		e->text[e->length] = 0;
		echo->put(echo, &text[i], 1);
	}
}

/* The line that was given so many lines ago; 0: an empty one. */
static void recall(struct edit *e, u32 back, struct out *echo)
{
	const char *line;

	if (back > MIN(e->lines, EDIT_EARLIER))
		return;
	while (e->length > 0)
		rub_out(e, echo);
	e->back = back;
	line = e->earlier[(e->lines - back) % EDIT_EARLIER];
	if (back > 0)
		edit_insert(e, line, (u32)strlen(line), echo);
}

static void recall_by_letter(struct edit *e, u8 letter, struct out *echo)
{
	if (letter == 'A')
		recall(e, e->back + 1, echo);
	else if (letter == 'B' && e->back > 0)
		recall(e, e->back - 1, echo);
}

/* ESC, then one character, or '[' and all up to a letter or ~. True: the key belongs to it. */
static bool take_escape(struct edit *e, u8 key, struct out *echo)
{
	if (key == KEY_ESCAPE) {
		e->escape = ESCAPE_BEGUN;
	} else if (e->escape == ESCAPE_BEGUN) {
		e->escape = key == '[' || key == 'O' ? ESCAPE_SEQUENCE : ESCAPE_NONE;
	} else if (e->escape == ESCAPE_SEQUENCE) {
		if (key >= '@')
			e->escape = ESCAPE_NONE;
		recall_by_letter(e, key, echo);
	} else {
		return false;
	}
	return true;
}

enum edit_event edit_key(struct edit *e, u8 key, struct out *echo)
{
	char c = (char)key;

	if (take_escape(e, key, echo))
		return EDIT_NOTHING;
	switch (key) {
	case '\r':
	case '\n':
		out_text(echo, "\r\n");
		return EDIT_LINE;
	case '\t':
		return EDIT_TAB;
	case KEY('C'):
		out_text(echo, "^C\r\n");
		return EDIT_CANCEL;
	case KEY('T'):
		return EDIT_SWITCH;
	case KEY('U'):
		while (e->length > 0)
			rub_out(e, echo);
		return EDIT_NOTHING;
	case KEY('P'):
		recall_by_letter(e, 'A', echo);
		return EDIT_NOTHING;
	case KEY('N'):
		recall_by_letter(e, 'B', echo);
		return EDIT_NOTHING;
	case KEY('W'):
		rub_out_word(e, echo);
		return EDIT_NOTHING;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		rub_out(e, echo);
		return EDIT_NOTHING;
	default:
		if (key >= ' ' && key < KEY_DELETE)
			edit_insert(e, &c, 1, echo);
		return EDIT_NOTHING;
	}
}
