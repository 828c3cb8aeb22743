/* SPDX-License-Identifier: MIT */
/* One terminal for all: VMs' lines, root's own, the prompt, and the VM that has the focus. */
#include "tests/unit/ring3.h"

#include "hv/ring3/root/console.h"

static char buffer[8192], held_buffer[256];
static struct queue queue, held;
static struct console console;

/* What the terminal has got so far, taken away. */
static const char *terminal(void)
{
	static char text[sizeof(buffer) + 1];

	text[queue_take(&queue, text, sizeof(buffer))] = 0;
	return text;
}

static void setup(bool interactive)
{
	queue_init(&queue, buffer, sizeof(buffer), NULL);
	queue_init(&held, held_buffer, sizeof(held_buffer), NULL);
	console_init(&console, &queue, &held, interactive);
}

static void vm(u32 id, const char *text)
{
	console_vm(&console, id, id == 1 ? "a" : "b", (const u8 *)text, (u32)strlen(text));
}

START_TEST(lines_have_names)
{
	setup(false);
	vm(1, "hello\r\nwor");
	vm(2, "x\n");
	vm(1, "ld\n");
	ck_assert_str_eq(terminal(), "[a] hello\r\n[b] x\r\n[a] world\r\n");
	vm(1, "rest");
	console_flush_vm(&console, 1, "a");
	console_flush_vm(&console, 1, "a");
	ck_assert_str_eq(terminal(), "[a] rest\r\n");
	console_say(&console, "%s ended", "a");
	ck_assert_str_eq(terminal(), "tapvisor: a ended\r\n");
}
END_TEST

START_TEST(lines_are_harmless)
{
	setup(false);
	vm(1, "\033[2J\001\177\t\xc3\xa4\n");
	ck_assert_str_eq(terminal(), "[a] ..\t\xc3\xa4\r\n");
	vm(1, "~ # \033[6n\033[1;31mred\033[m \0337x\033\n\033[12");
	ck_assert_str_eq(terminal(), "[a] ~ # red x\r\n");
	console_flush_vm(&console, 1, "a");
	ck_assert_str_eq(terminal(), "[a] \r\n");
	vm(1, "\033(B\033]0;title\007x\033[\0016n\033\n");
	ck_assert_str_eq(terminal(), "[a] x.6n\r\n");
	vm(1, "\x9b"
	      "2J \xc2\x9b"
	      "1m \xc3\x9c \xe2\x80\x93\n");
	ck_assert_str_eq(terminal(), "[a] .2J \xc2.1m \xc3\x9c \xe2\x80\x93\r\n");
	for (u32 i = 0; i < OPEN_LINE_MAX + 1; i++)
		vm(1, "x");
	ck_assert_uint_eq(strlen(terminal()), OPEN_LINE_MAX + 6);
	vm(1, "\n");
	ck_assert_str_eq(terminal(), "[a] x\r\n");
}
END_TEST

START_TEST(prompt_stays_below)
{
	setup(true);
	console_end(&console);
	ck_assert_str_eq(terminal(), "tapvisor> ");
	edit_insert(&console.edit, "he", 2, &queue.out);
	vm(1, "hi\n");
	ck_assert_str_eq(terminal(), "he\r\033[K[a] hi\r\ntapvisor> he");
	vm(1, "one\ntwo\nthr");
	ck_assert_str_eq(terminal(), "\r\033[K[a] one\r\n[a] two\r\ntapvisor> he");
}
END_TEST

START_TEST(focus_is_raw)
{
	setup(true);
	console_focus(&console, 1);
	(void)terminal();
	vm(1, "\033[1m$ ");
	ck_assert_str_eq(terminal(), "\033[1m$ ");
	vm(2, "news\n");
	ck_assert_str_eq(terminal(), "\r\033[K[b] news\r\n\033[1m$ ");
	console_focus(&console, NO_FOCUS);
	ck_assert_str_eq(terminal(), "\r\ntapvisor> ");
}
END_TEST

/* A line of the VM with the focus is not torn by others' lines, wherever they come in. */
START_TEST(focus_keeps_its_line)
{
	setup(true);
	console_focus(&console, 1);
	(void)terminal();
	vm(1, "\nheard \"to y");
	vm(2, "one\ntwo\nthr");
	vm(1, "ou\"\r\n");
	ck_assert_str_eq(terminal(), "\nheard \"to y\r\033[K[b] one\r\n[b] two\r\n"
	                             "heard \"to you\"\r\n");
	vm(2, "ee\n");
	ck_assert_str_eq(terminal(), "[b] three\r\n");
	console_say(&console, "news");
	ck_assert_str_eq(terminal(), "tapvisor: news\r\n");
	/* Who has the focus can leave it, come back, and find its prompt. */
	vm(1, "# ls");
	console_focus(&console, NO_FOCUS);
	ck_assert_str_eq(terminal(), "# ls\r\ntapvisor> ");
	console_focus(&console, 1);
	ck_assert_str_eq(terminal(), "\r\033[K# ls");
	/* What was shown is not shown again when the VM ends. */
	console_flush_vm(&console, 1, "a");
	console_focus(&console, NO_FOCUS);
	ck_assert_str_eq(terminal(), "\r\ntapvisor> ");
	/* One that began without the focus is harmless for others, and whole for who gets it. */
	vm(2, "\033[1mbold");
	console_focus(&console, 2);
	ck_assert_str_eq(terminal(), "\r\033[K\033[1mbold");
	console_focus(&console, NO_FOCUS);
	vm(2, "\n");
	ck_assert_str_eq(terminal(), "\r\ntapvisor> \r\033[K[b] bold\r\ntapvisor> ");
}
END_TEST

/* What a VM with the focus has begun, as it is drawn below another's line. */
static const char *drawn(const char *text)
{
	const char *all;

	setup(true);
	console_focus(&console, 1);
	vm(1, text);
	(void)terminal();
	vm(2, "news\n");
	all = terminal();
	ck_assert_msg(strncmp(all, "\r\033[K[b] news\r\n", 14) == 0, "%s", all);
	return all + 14;
}

START_TEST(focus_draws_what_stays_in_the_line)
{
	ck_assert_str_eq(
		drawn("10%\r20%\b\x7f\033[6n\033[2;1H\0337\033[31m\033[3Dx\tB\xc3\xa4\001\033["),
		"10%\r20%\b\033[31m\033[3Dx\tB\xc3\xa4");
	/* As a shell's line editor takes back what was typed. */
	ck_assert_str_eq(drawn("# ls -la\r# ls\033[J"), "# ls -la\r# ls\033[K");
	ck_assert_str_eq(drawn("# ls\033[2Jx\033[1J"), "# lsx");
	/* Questions in all their clothes, and what would leave the line. */
	ck_assert_str_eq(drawn("a\xc2\x9b"
	                       "6nb\x9b"
	                       "6n\033[\033Dc\033[?4m\033[5 @\033[#P\033[>cd"),
	                 "a\xc2"
	                 "6nb6ncd");
	ck_assert_str_eq(drawn("a\033[\x0b\x0bm\033[\005mb\005"), "ammb");
	ck_assert_str_eq(drawn("a\033(Bb\033]0;title\007c\033P$qm\033\\d\033_x"), "abcd");
	ck_assert_str_eq(drawn("\033"), "");
	ck_assert_str_eq(drawn("\033("), "");
	ck_assert_str_eq(drawn("\033]0;t\033"), "");
	setup(true);
	console_focus(&console, 1);
	/* Too long to be kept: others' lines are put between, as they are where no one types. */
	for (u32 i = 0; i < OPEN_LINE_MAX + 1; i++)
		vm(1, "x");
	(void)terminal();
	vm(2, "news\n");
	ck_assert_str_eq(terminal(), "\r\n[b] news\r\n");
	vm(1, "\nnew");
	(void)terminal();
	vm(2, "news\n");
	ck_assert_str_eq(terminal(), "\r\033[K[b] news\r\nnew");
	setup(false);
	console_focus(&console, 1);
	vm(1, "new");
	vm(2, "news\n");
	ck_assert_str_eq(terminal(), "new\r\n[b] news\r\n");
	console.typed = true;
	vm(1, "er");
	vm(2, "news\n");
	ck_assert_str_eq(terminal(), "er\r\033[K[b] news\r\nnewer");
	console_focus(&console, NO_FOCUS);
	ck_assert_str_eq(terminal(), "\r\n");
}
END_TEST

/* Lines that come while the terminal is drawn over wait, whole and in order. */
START_TEST(held_lines)
{
	setup(true);
	console.hold = true;
	vm(1, "one\n");
	console_say(&console, "two");
	out_text(&console.screen, "a table\n");
	ck_assert_str_eq(terminal(), "a table\r\n");
	console.hold = false;
	console_release(&console);
	ck_assert_str_eq(terminal(), "[a] one\r\ntapvisor> ");
	console_release(&console);
	ck_assert_str_eq(terminal(), "\r\033[Ktapvisor: two\r\ntapvisor> ");
	ck_assert_uint_eq(queue_used(&held), 0);
}
END_TEST

RING3_MAIN("root_console", lines_have_names, lines_are_harmless, prompt_stays_below, focus_is_raw,
           focus_keeps_its_line, focus_draws_what_stays_in_the_line, held_lines)
