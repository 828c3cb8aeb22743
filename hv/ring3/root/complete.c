/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/shell.h"

#include "hv/base/string.h"

/* Candidate i, or NULL behind the last. */
typedef const char *candidate_at(struct root *r, u32 i);

static const char *command_at(struct root *r, u32 i)
{
	(void)r;
	return i < shell_command_count ? shell_commands[i].name : NULL;
}

static const char *vm_at(struct root *r, u32 i)
{
	return i < r->slots ? slot_name(&r->slot[i]) : NULL;
}

static bool begins(const char *name, struct word word)
{
	return strlen(name) >= word.length && memcmp(name, word.text, word.length) == 0;
}

/* How long the common beginning of all candidates is; *one: one of them, *n: how many. */
static u32 common(struct root *r, candidate_at *at, struct word word, const char **one, u32 *n)
{
	u32 length = 0;
	const char *name;

	*n = 0;
	*one = NULL;
	for (u32 i = 0; (name = at(r, i)) != NULL; i++) {
		u32 same = 0;

		if (!begins(name, word))
			continue;
		while (*one != NULL && same < length && name[same] == (*one)[same])
			same++;
		length = *one == NULL ? (u32)strlen(name) : same;
		*one = name;
		(*n)++;
	}
	return length;
}

static void list(struct root *r, candidate_at *at, struct word word)
{
	const char *name;

	console_begin(&r->console);
	for (u32 i = 0; (name = at(r, i)) != NULL; i++)
		if (begins(name, word))
			out_print(&r->console.out, "%s ", name);
	out_text(&r->console.out, "\n");
	console_end(&r->console);
}

/* What the word behind so many others may be; NULL: nothing that is known. */
static candidate_at *candidates(struct word first, u32 before)
{
	const struct shell_command *command;

	if (before == 0)
		return command_at;
	command = before == 1 ? shell_find(first) : NULL;
	return command != NULL && command->argument != SHELL_NONE ? vm_at : NULL;
}

void shell_complete(struct root *r)
{
	struct edit *edit = &r->console.edit;
	struct words words = { edit->text, 0 };
	struct word word, first = { 0 }, last = { edit->text + edit->length, 0, edit->length };
	struct out *echo = &r->terminal_queue.out;
	u32 before = 0, n, length;
	candidate_at *at;
	const char *one;

	while (words_next(&words, &word)) {
		if (word.column + word.length == edit->length)
			last = word;
		else if (before++ == 0)
			first = word;
	}
	at = candidates(first, before);
	if (at == NULL)
		return;
	length = common(r, at, last, &one, &n);
	if (n == 0)
		return;
	if (length > last.length)
		edit_insert(edit, one + last.length, length - last.length, echo);
	else if (n > 1)
		list(r, at, last);
	if (n == 1)
		edit_insert(edit, " ", 1, echo);
}
