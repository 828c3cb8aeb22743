/* SPDX-License-Identifier: MIT */
/* An 8042 and its keyboard of a few lines; controllers that are not there, or lie. */
#include "tests/unit/ring3.h"

#include "hv/ring3/root/keyboard.h"

static struct keyboard keyboard;
static struct {
	u8 status;       /* beside what follows */
	const u8 *codes; /* to be read */
	u32 n;
	u8 command, config; /* the last that were written */
	bool mute;          /* the keyboard is */
	u8 answer[4];
	u32 answers;
	bool constant; /* reads as `status` and `status`, for ever */
	u32 looks;
} device;

static u8 in(u16 port)
{
	device.looks++;
	ck_assert(port == 0x60 || port == 0x64);
	if (device.constant)
		return device.status;
	if (port == 0x64)
		return (u8)(device.status | (device.answers + device.n > 0 ? 1 : 0));
	if (device.answers > 0)
		return device.answer[--device.answers];
	ck_assert_uint_gt(device.n, 0);
	device.n--;
	return *device.codes++;
}

static void out(u16 port, u8 value)
{
	if (port == 0x64) {
		device.command = value;
		if (value == 0x20)
			device.answer[device.answers++] = 0x13;
	} else if (device.command == 0x60) {
		device.config = value;
		device.command = 0;
	} else if (value == 0xf4 && !device.mute) {
		device.answer[device.answers++] = 0xfa;
	}
}

static const struct port_ops ports = { in, out };

static void begin(void)
{
	memset(&device, 0, sizeof(device));
	keyboard_init(&keyboard, &ports);
}

/* What these scan codes send. */
static const char *typed(const char *codes, size_t n)
{
	static char text[256];
	u32 length = 0;
	u8 byte;

	device.codes = (const u8 *)codes;
	device.n = (u32)n;
	while (length + 1 < sizeof(text) && (device.n > 0 || keyboard.head != keyboard.tail))
		if (keyboard_receive(&keyboard, &byte))
			text[length++] = (char)byte;
	text[length] = 0;
	return text;
}

#define TYPED(codes) typed(codes, sizeof(codes) - 1)

START_TEST(every_key)
{
	/* The rows of a US keyboard, by the scan code of each row's first key. */
	static const struct {
		u8 first;
		const char *plain, *shifted;
	} rows[] = {
		{ 0x02, "1234567890-=", "!@#$%^&*()_+" },
		{ 0x10, "qwertyuiop[]\r", "QWERTYUIOP{}\r" },
		{ 0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
		{ 0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
		{ 0x47, "789-456+1230.", "789-456+1230." },
		{ 0x37, "*", "*" },
		{ 0x39, " ", " " },
		{ 0x01, "\033", "\033" },
		{ 0x0e, "\177\t", "\177\t" },
		{ 0x56, "\\", "|" },
	};
	bool known[128] = { false };

	begin();
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		for (u32 key = 0; rows[i].plain[key] != 0; key++) {
			char code = (char)(rows[i].first + key);
			char press[] = { code, (char)(code | 0x80) };
			char shift[] = { 0x2a, code, (char)(code | 0x80), (char)0xaa };
			char other[] = { 0x36, code, (char)(code | 0x80), (char)0xb6 };
			const char plain[] = { rows[i].plain[key], 0 };
			const char shifted[] = { rows[i].shifted[key], 0 };

			ck_assert_str_eq(typed(press, 2), plain);
			ck_assert_str_eq(typed(shift, 4), shifted);
			ck_assert_str_eq(typed(other, 4), shifted);
			known[(u8)code] = true;
		}
	}
	for (u32 code = 0; code < 128; code++) {
		char press[] = { (char)code, (char)(code | 0x80) };

		if (!known[code] && code != 0x3a)
			ck_assert_str_eq(typed(press, 2), "");
	}
}
END_TEST

START_TEST(shift_control_caps)
{
	begin();
	ck_assert_str_eq(TYPED("\x1d\x14\x94\x9d\x14\x94"), "\x14t"); /* ^T, t */
	ck_assert_str_eq(TYPED("\xe0\x1d\x2e\xae\xe0\x9d\x2e"), "\x03"
	                                                        "c");
	ck_assert_str_eq(TYPED("\x1d\x2a\x1e\x9e\xaa\x9d"), "\x01"); /* with shift, too */
	ck_assert_str_eq(TYPED("\x1d\x1a\x1b\x2b\x9d"), "\x1b\x1d\x1c");
	ck_assert_str_eq(TYPED("\x3a\xba\x1e\x02\x1f"), "A1S");
	ck_assert_str_eq(TYPED("\x2a\x1e\x03\xaa"), "a@"); /* shift takes caps lock back */
	ck_assert_str_eq(TYPED("\x3a\xba\x1e"), "a");
	/* One of two that are held is released. */
	ck_assert_str_eq(TYPED("\x2a\x36\xaa\x1e\xb6\x1e"), "Aa");
}
END_TEST

START_TEST(extended_keys)
{
	begin();
	ck_assert_str_eq(TYPED("\xe0\x48\xe0\xc8\xe0\x50\xe0\x4b\xe0\x4d"),
	                 "\033[A\033[B\033[D\033[C");
	ck_assert_str_eq(TYPED("\xe0\x53\xe0\x47\xe0\x4f\xe0\x1c\xe0\x35"),
	                 "\033[3~\033[1~\033[4~\r/");
	/* Shifts that the keyboard makes up around such keys are none. */
	ck_assert_str_eq(TYPED("\xe0\x2a\xe0\x48\xe0\xc8\xe0\xaa\x1e"), "\033[Aa");
	ck_assert_str_eq(TYPED("\xe1\x1d\x45\xe1\x9d\xc5\x1e"), "a"); /* Pause: no control */
	ck_assert_str_eq(TYPED("\xe0\x5b\xe0\xdb\x3b\x57\x45\x46\x38\xb8"), "");
}
END_TEST

START_TEST(the_controller_is_set_up)
{
	begin();
	ck_assert(keyboard.present);
	ck_assert_uint_eq(device.config, 0x60); /* translated, no interrupts, no mouse */
	/* What the mouse sends all the same is none of ours. */
	device.status = 0x20;
	ck_assert_str_eq(TYPED("\x1e\x1e"), "");
	device.status = 0;
	/* What was typed before is no acknowledgement, and does not hide it. */
	memset(&device, 0, sizeof(device));
	device.codes = (const u8 *)"\x1e\x9e\x1f";
	device.n = 3;
	keyboard_init(&keyboard, &ports);
	ck_assert(keyboard.present);
}
END_TEST

/* Nobody there, nobody listens, everything at once: a bounded number of looks, and no key. */
START_TEST(hostile_controllers)
{
	static const u8 constants[] = { 0xff, 0x00, 0x01, 0x02, 0x03, 0x21, 0xfd, 0xfe, 0x55 };
	u8 byte;

	for (u32 i = 0; i < ARRAY_SIZE(constants); i++) {
		memset(&device, 0, sizeof(device));
		device.constant = true;
		device.status = constants[i];
		keyboard_init(&keyboard, &ports);
		ck_assert_uint_le(device.looks, 1000000);
		if (constants[i] == 0xff)
			ck_assert_uint_eq(device.looks, 1);
		ck_assert(!keyboard.present);
		device.looks = 0;
		for (u32 n = 0; n < 100; n++) /* what lies there for ever is a key, or none */
			ck_assert(!keyboard_receive(&keyboard, &byte) || (constants[i] & 1) != 0);
		ck_assert_uint_le(device.looks, 100 * 2 * 16);
	}
	memset(&device, 0, sizeof(device));
	device.mute = true;
	keyboard_init(&keyboard, &ports);
	ck_assert(!keyboard.present);
	/* Plugged in later: who types is there. */
	ck_assert_str_eq(TYPED("\x1e"), "a");
	ck_assert(keyboard.present);
}
END_TEST

RING3_MAIN("root_keyboard", every_key, shift_control_caps, extended_keys, the_controller_is_set_up,
           hostile_controllers)
