/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/keyboard.h"

/* The 8042's ports, and bits of its status. */
#define DATA          0x60u
#define STATUS        0x64u
#define COMMAND       0x64u
#define STATUS_OUTPUT 0x01u /* a byte can be read */
#define STATUS_INPUT  0x02u /* the last that was written has not been taken */
#define STATUS_MOUSE  0x20u /* the byte is the mouse's */
#define NOBODY        0xffu

#define COMMAND_READ   0x20u /* the configuration byte */
#define COMMAND_WRITE  0x60u
#define COMMAND_ENABLE 0xaeu /* the keyboard's line */
#define CONFIG_CLEAR   0x13u /* both interrupts, the keyboard's clock stopped */
#define CONFIG_SET     0x60u /* translation to set 1, the mouse's clock stopped */

#define KEYBOARD_SCAN 0xf4u /* to the keyboard: begin */
#define KEYBOARD_ACK  0xfau

#define PATIENCE 50000u /* looks at the port */
#define DRAIN    64u    /* bytes that may lie there */
#define GLANCE   16u    /* bytes without a meaning before others get their turn */

static u8 status(const struct keyboard *k)
{
	return k->ports->in(STATUS);
}

static bool send(const struct keyboard *k, u16 port, u8 value)
{
	for (u32 i = 0; i < PATIENCE; i++) {
		if ((status(k) & STATUS_INPUT) == 0) {
			k->ports->out(port, value);
			return true;
		}
	}
	return false;
}

static bool await(const struct keyboard *k, u8 *byte)
{
	for (u32 i = 0; i < PATIENCE; i++) {
		if ((status(k) & STATUS_OUTPUT) != 0) {
			*byte = k->ports->in(DATA);
			return true;
		}
	}
	return false;
}

/* Does a keyboard say that it has begun? Bytes of before may come first. */
static bool acknowledges(const struct keyboard *k)
{
	u8 byte = 0;

	for (u32 i = 0; i < DRAIN && byte != KEYBOARD_ACK; i++)
		if (!await(k, &byte))
			return false;
	return byte == KEYBOARD_ACK;
}

void keyboard_init(struct keyboard *k, const struct port_ops *ports)
{
	u8 config;

	*k = (struct keyboard){ .ports = ports };
	if (status(k) == NOBODY)
		return;
	for (u32 i = 0; i < DRAIN && (status(k) & STATUS_OUTPUT) != 0; i++)
		(void)k->ports->in(DATA);
	if (!send(k, COMMAND, COMMAND_ENABLE) || !send(k, COMMAND, COMMAND_READ) ||
	    !await(k, &config))
		return;
	config = (u8)((config & ~CONFIG_CLEAR) | CONFIG_SET);
	k->present = send(k, COMMAND, COMMAND_WRITE) && send(k, DATA, config) &&
	             send(k, DATA, KEYBOARD_SCAN) && acknowledges(k);
}

/* --- scan codes --- */

#define SHIFT_LEFT    0x01u
#define SHIFT_RIGHT   0x02u
#define CONTROL_LEFT  0x04u
#define CONTROL_RIGHT 0x08u
#define CAPS_LOCK     0x10u
#define SHIFT         (SHIFT_LEFT | SHIFT_RIGHT)
#define CONTROL       (CONTROL_LEFT | CONTROL_RIGHT)

#define RELEASED       0x80u
#define PREFIX         0xe0u
#define PREFIX_PAUSE   0xe1u /* two more bytes, of which none is another key's */
#define SCAN_CAPS_LOCK 0x3au

/* What a key sends, alone and with shift, from scan code 1 on; 0: nothing. */
static const char plain[] = "\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*"
			    "\0 \0\0\0\0\0\0\0\0\0\0\0\0\000789-456+1230.\0\0\\";
static const char shifted[] = "\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*"
			      "\0 \0\0\0\0\0\0\0\0\0\0\0\0\000789-456+1230.\0\0|";
static_assert(sizeof(plain) == sizeof(shifted), "two columns of one table");

static const struct {
	u8 code;
	u8 bit;
	bool extended;
} modifiers[] = {
	{ 0x2a, SHIFT_LEFT, false },
	{ 0x36, SHIFT_RIGHT, false },
	{ 0x1d, CONTROL_LEFT, false },
	{ 0x1d, CONTROL_RIGHT, true },
};

/* Behind the prefix. */
static const struct {
	u8 code;
	const char *text;
} extended[] = {
	{ 0x1c, "\r" },      { 0x35, "/" },       { 0x47, "\033[1~" }, { 0x48, "\033[A" },
	{ 0x49, "\033[5~" }, { 0x4b, "\033[D" },  { 0x4d, "\033[C" },  { 0x4f, "\033[4~" },
	{ 0x50, "\033[B" },  { 0x51, "\033[6~" }, { 0x52, "\033[2~" }, { 0x53, "\033[3~" },
};

static void give(struct keyboard *k, const char *text, u32 n)
{
	for (u32 i = 0; i < n && k->head - k->tail < KEYBOARD_PENDING; i++)
		k->pending[k->head++ % KEYBOARD_PENDING] = (u8)text[i];
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static void press(struct keyboard *k, u8 code)
{
	bool shift = (k->held & SHIFT) != 0;
	char key;

	if (code == SCAN_CAPS_LOCK)
		k->held ^= CAPS_LOCK;
	if (code == 0 || code >= sizeof(plain))
		return;
	if (is_letter(plain[code - 1]) && (k->held & CAPS_LOCK) != 0)
		shift = !shift;
	key = shift ? shifted[code - 1] : plain[code - 1];
	if (key == 0)
		return;
	if ((k->held & CONTROL) != 0 && key >= '@' && key <= 'z')
		key &= 0x1f;
	give(k, &key, 1);
}

static void press_extended(struct keyboard *k, u8 code)
{
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(extended); i++) {
		if (extended[i].code != code)
			continue;
		while (extended[i].text[n] != 0)
			n++;
		give(k, extended[i].text, n);
	}
}

/* Is the key one that is held down for others' sake? */
static bool modifier(struct keyboard *k, u8 code, bool after_prefix)
{
	for (u32 i = 0; i < ARRAY_SIZE(modifiers); i++) {
		if (modifiers[i].code != (code & ~RELEASED) ||
		    modifiers[i].extended != after_prefix)
			continue;
		if ((code & RELEASED) != 0)
			k->held &= ~(u32)modifiers[i].bit;
		else
			k->held |= modifiers[i].bit;
		return true;
	}
	return false;
}

void keyboard_scan(struct keyboard *k, u8 code)
{
	bool after_prefix = k->extended;

	if (k->skip > 0) {
		k->skip--;
		return;
	}
	k->extended = code == PREFIX;
	if (code == PREFIX_PAUSE)
		k->skip = 2;
	if (k->extended || k->skip > 0 || modifier(k, code, after_prefix) || (code & RELEASED) != 0)
		return;
	if (after_prefix)
		press_extended(k, code);
	else
		press(k, code);
}

bool keyboard_receive(struct keyboard *k, u8 *byte)
{
	for (u32 i = 0; i < GLANCE && k->head == k->tail; i++) {
		u8 now = status(k), code;

		if (now == NOBODY || (now & STATUS_OUTPUT) == 0)
			return false;
		code = k->ports->in(DATA);
		if ((now & STATUS_MOUSE) != 0)
			continue;
		k->present = true;
		keyboard_scan(k, code);
	}
	if (k->head == k->tail)
		return false;
	*byte = k->pending[k->tail++ % KEYBOARD_PENDING];
	return true;
}
