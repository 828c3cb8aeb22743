/* SPDX-License-Identifier: MIT */
/* What goes over root's two serial lines: the line editor, telemetry, the port and its queue. */
#include "tests/unit/ring3.h"

#include "hv/ring3/root/edit.h"
#include "hv/ring3/root/json.h"
#include "hv/ring3/root/queue.h"
#include "hv/ring3/root/serial.h"
#include "hv/ring3/root/telemetry.h"
#include "hv/ring3/root/text.h"

static enum edit_event type(struct edit *e, const char *keys, struct out *echo)
{
	enum edit_event event = EDIT_NOTHING;

	for (; *keys != 0; keys++)
		event = edit_key(e, (u8)*keys, echo);
	return event;
}

START_TEST(editing)
{
	struct ring3_text echo;
	struct out *out = ring3_text(&echo);
	struct edit e = { 0 };

	ck_assert_int_eq(type(&e, "vmx\bs\r", out), EDIT_LINE);
	ck_assert_str_eq(e.text, "vms");
	ck_assert_str_eq(echo.text, "vmx\b \bs\r\n");
	edit_clear(&e);
	(void)type(&e, "one two\027", out);
	ck_assert_str_eq(e.text, "one ");
	(void)type(&e, "\025\177\b", out);
	ck_assert_str_eq(e.text, "");
	(void)type(&e, "a\033[Cb\033ODc\033xd\033[3~e", out);
	ck_assert_str_eq(e.text, "abcde");
	ck_assert_int_eq(type(&e, "\003", out), EDIT_CANCEL);
	ck_assert_int_eq(type(&e, "\t", out), EDIT_TAB);
	ck_assert_int_eq(type(&e, "\024", out), EDIT_SWITCH);
	for (u32 i = 0; i < 2 * EDIT_SIZE; i++)
		(void)type(&e, "x", out);
	ck_assert_uint_eq(strlen(e.text), EDIT_SIZE - 1);
}
END_TEST

START_TEST(earlier_lines)
{
	struct ring3_text echo;
	struct out *out = ring3_text(&echo);
	struct edit e = { 0 };

	(void)type(&e, "x\033[A\033[B", out); /* nothing to bring back */
	ck_assert_str_eq(e.text, "x");
	edit_clear(&e);
	for (const char *line = "123456789a"; *line != 0; line++) {
		(void)type(&e, (char[]){ *line, 0 }, out);
		edit_remember(&e);
		edit_remember(&e); /* the same again is no new line */
		edit_clear(&e);
	}
	(void)type(&e, "\033[A", out);
	ck_assert_str_eq(e.text, "a");
	(void)type(&e, "\020\033OA", out);
	ck_assert_str_eq(e.text, "8");
	(void)type(&e, "\033[B", out);
	ck_assert_str_eq(e.text, "9");
	(void)type(&e, "\033[A\033[A\033[A\033[A\033[A\033[A\033[A\033[A\033[A", out);
	ck_assert_str_eq(e.text, "3"); /* eight are kept */
	for (u32 i = 0; i < 9; i++)
		(void)type(&e, "\016", out);
	ck_assert_str_eq(e.text, "");
	ck_assert_uint_eq(e.length, 0);
}
END_TEST

START_TEST(short_numbers)
{
	static const struct {
		u64 value;
		const char *text;
	} cases[] = {
		{ 0, "    0" },        { 9999, " 9999" },       { 10000, "10.0k" },
		{ 99999, "99.9k" },    { 100000, " 100k" },     { 999999, " 999k" },
		{ 1000000, " 1.0M" },  { 12345678, "12.3M" },   { 999999999, " 999M" },
		{ 1u << 31, " 2.1G" }, { UINT64_MAX, "18.4E" },
	};
	struct ring3_text out;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		text_short(ring3_text(&out), cases[i].value, 5);
		ck_assert_str_eq(out.text, cases[i].text);
	}
}
END_TEST

START_TEST(json_check)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "{}", true },
		{ " { } ", true },
		{ "{\"a\":1}", true },
		{ "{\"a\": [1, -2.5e+3, true, false, null, \"x\\n\\u00e4\", {\"vm\":1}], \"b\":{}}",
		  true },
		{ "{\"a\":0.5,\"b\":0}", true },
		{ "{\"vms\":1,\"v\":2}", true },
		{ "", false },
		{ "1", false },
		{ "[]", false },
		{ "{", false },
		{ "{\"a\"}", false },
		{ "{\"a\":}", false },
		{ "{\"a\":1,}", false },
		{ "{\"a\":01}", false },
		{ "{\"a\":1.}", false },
		{ "{\"a\":.5}", false },
		{ "{\"a\":+1}", false },
		{ "{\"a\":1e}", false },
		{ "{\"a\":-}", false },
		{ "{\"a\":tru}", false },
		{ "{\"a\":\"\\x\"}", false },
		{ "{\"a\":\"\\u12g4\"}", false },
		{ "{\"a\":\"x}", false },
		{ "{\"a\":\"\t\"}", false },
		{ "{\"a\":\"\xc3\xa4\"}", false },
		{ "{a:1}", false },
		{ "{\"a\":1}{\"b\":2}", false },
		{ "{\"a\":[1}", false },
		{ "{\"vm\":\"b\"}", false },
		{ "{\"a\":1,\"vm\" :2}", false },
		{ "{\"v\\u006d\":\"b\"}", false },
	};
	char deep[64] = "";

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(json_is_object(cases[i].text, strlen(cases[i].text), "vm") ==
		                      cases[i].ok,
		              "%s", cases[i].text);
	strcpy(deep, "{\"a\":");
	for (u32 i = 0; i < JSON_DEPTH; i++)
		strcat(deep, "[");
	for (u32 i = 0; i < JSON_DEPTH; i++)
		strcat(deep, "]");
	strcat(deep, "}");
	ck_assert(!json_is_object(deep, strlen(deep), "vm"));
	memmove(deep + 5, deep + 6, strlen(deep + 5));
	deep[5 + 2 * (JSON_DEPTH - 1)] = '}';
	deep[6 + 2 * (JSON_DEPTH - 1)] = 0;
	ck_assert_msg(json_is_object(deep, strlen(deep), "vm"), "%s", deep);
}
END_TEST

START_TEST(telemetry_lines)
{
	static struct telemetry t;
	struct ring3_text out;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "{\"type\":\"bench\",\"n\":1}\r\n",
		  "{\"vm\":\"a\",\"type\":\"bench\",\"n\":1}\n" },
		{ "  { }\n", "{\"vm\":\"a\"}\n" },
		{ "{ \"x\":1}\n", "{\"vm\":\"a\",\"x\":1}\n" },
		{ "ok 1\n", "{\"type\":\"text\",\"vm\":\"a\",\"line\":\"ok 1\"}\n" },
		{ "{\"vm\":\"b\"}\n",
		  "{\"type\":\"text\",\"vm\":\"a\",\"line\":\"{\\\"vm\\\":\\\"b\\\"}\"}\n" },
		{ "\001\xff\n", "{\"type\":\"text\",\"vm\":\"a\",\"line\":\"\\u0001\\u00ff\"}\n" },
		{ "\n\r\n", "" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		t.out = ring3_text(&out);
		telemetry_vm(&t, 1, "a", (const u8 *)cases[i].in, (u32)strlen(cases[i].in));
		ck_assert_str_eq(out.text, cases[i].out);
	}
	t.out = ring3_text(&out);
	for (u32 i = 0; i < TELEMETRY_LINE; i++)
		telemetry_vm(&t, 1, "a", (const u8 *)"x", 1);
	ck_assert_holds(out.text, "\"type\":\"text\"");
	t.out = ring3_text(&out);
	telemetry_vm(&t, 1, "a", (const u8 *)"{}", 2);
	ck_assert_str_eq(out.text, "");
	telemetry_flush_vm(&t, 1, "a");
	ck_assert_str_eq(out.text, "{\"vm\":\"a\"}\n");
}
END_TEST

START_TEST(numbers)
{
	struct ring3_text t;
	struct out *out = ring3_text(&t);

	text_number(out, 0, 3);
	text_number(out, 1234567, 0);
	text_number(out, ~0ull, 0);
	ck_assert_str_eq(t.text, "  01,234,56718,446,744,073,709,551,615");
	out = ring3_text(&t);
	text_percent(out, 1, 3, 6);
	text_percent(out, 5, 5, 0);
	text_percent(out, 0, 0, 2);
	text_percent(out, 1ull << 62, 1ull << 63, 0);
	ck_assert_str_eq(t.text, " 33.3%100.0% -50.0%");
	out = ring3_text(&t);
	text_left(out, "ab", 4);
	text_right(out, "cd", 4);
	text_left(out, "toolong", 2);
	ck_assert_str_eq(t.text, "ab    cdtoolong");
}
END_TEST

/* --- a port made of a few lines --- */

static struct {
	u8 scratch, lsr, input;
	bool absent;
	char sent[256];
	u32 n;
} uart;

static u8 uart_in(u16 port)
{
	if (uart.absent)
		return 0xff;
	switch (port - SERIAL_COM1) {
	case 0:
		uart.lsr &= (u8)~1;
		return uart.input;
	case 5:
		return uart.lsr;
	case 7:
		return uart.scratch;
	default:
		return 0;
	}
}

static void uart_out(u16 port, u8 value)
{
	if (port == SERIAL_COM1 + 7)
		uart.scratch = value;
	if (port == SERIAL_COM1)
		uart.sent[uart.n++] = (char)value;
}

static char buffer[256];
static struct queue queue;

START_TEST(port)
{
	static const struct port_ops ops = { uart_in, uart_out };
	struct serial s;
	u8 byte;

	queue_init(&queue, buffer, sizeof(buffer), NULL);
	memset(&uart, 0, sizeof(uart));
	uart.lsr = 0x60;
	serial_init(&s, &ops, SERIAL_COM1);
	ck_assert(s.present);
	uart.n = 0;
	out_text(&queue.out, "0123456789abcdefXY");
	ck_assert(serial_send(&s, &queue));
	ck_assert_uint_eq(uart.n, 16);
	uart.lsr = 0;
	ck_assert(serial_send(&s, &queue));
	ck_assert_uint_eq(uart.n, 16);
	ck_assert(!serial_idle(&s));
	uart.lsr = 0x60;
	ck_assert(!serial_send(&s, &queue));
	ck_assert_uint_eq(uart.n, 18);
	ck_assert(serial_idle(&s));
	ck_assert(!serial_receive(&s, &byte));
	uart.lsr |= 1;
	uart.input = 'q';
	ck_assert(serial_receive(&s, &byte) && byte == 'q');
	ck_assert(!s.overrun);
	uart.lsr |= 3; /* whoever reads the status sees it once */
	ck_assert(serial_receive(&s, &byte) && s.overrun);
	/* Nobody there: everything is taken, nothing ever comes. */
	uart.absent = true;
	serial_init(&s, &ops, SERIAL_COM1);
	out_text(&queue.out, "lost");
	ck_assert(!s.present && !serial_send(&s, &queue) && queue_used(&queue) == 0);
	ck_assert(!serial_receive(&s, &byte) && serial_idle(&s));
}
END_TEST

static u32 rooms;

static void make_room(struct queue *q)
{
	q->tail += 3;
	rooms++;
}

START_TEST(queue_waits_or_drops)
{
	char small[8], c;
	struct queue q;

	queue_init(&q, small, sizeof(small), NULL);
	out_text(&q.out, "0123456789");
	ck_assert_uint_eq(queue_used(&q), 8);
	ck_assert(queue_take(&q, &c, 1) == 1 && c == '0');
	queue_init(&q, small, sizeof(small), make_room);
	out_text(&q.out, "0123456789");
	ck_assert_uint_eq(rooms, 1);
	ck_assert(queue_take(&q, &c, 1) == 1 && c == '3');
}
END_TEST

RING3_MAIN("root_text", editing, earlier_lines, short_numbers, json_check, telemetry_lines, numbers,
           port, queue_waits_or_drops)
