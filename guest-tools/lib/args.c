/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/string.h"

#define ARGS_MAX 64

struct arg {
	const char *key;
	const char *value; /* NULL = a word */
	bool used;
};

static char text[COMMAND_LINE_MAX];
static struct arg args[ARGS_MAX];
static u32 args_count;
static u32 part_begin, part_end; /* what counts: words from begin, keys up to end */

static bool looks_like_path(const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < n; i++) {
		if (word[i] == '=')
			return false;
		if (word[i] == '/')
			return true;
	}
	return n > 4 && strcmp(word + n - 4, ".elf") == 0;
}

/* Cuts the next word off at *line; NULL at the end. */
static char *next_word(char **line)
{
	char *start = *line, *end;

	while (*start == ' ')
		start++;
	for (end = start; *end != '\0' && *end != ' '; end++)
		;
	*line = *end == '\0' ? end : end + 1;
	*end = '\0';
	return end == start ? NULL : start;
}

static void arg_add(char *word)
{
	struct arg *arg = &args[args_count++];

	arg->key = word;
	for (; *word != '\0'; word++) {
		if (*word == '=') {
			*word = '\0';
			arg->value = word + 1;
			return;
		}
	}
}

void args_parse(const char *command_line)
{
	char *rest = text, *word;

	string_copy(text, command_line, sizeof(text));
	while (args_count < ARGS_MAX && (word = next_word(&rest)) != NULL) {
		if (strcmp(word, "--") == 0)
			args_count = 0;
		else if (args_count != 0 || word != text || !looks_like_path(word))
			arg_add(word);
	}
	part_end = args_count;
}

bool args_next(const char *separator)
{
	static bool begun;

	if (begun && part_end == args_count)
		return false;
	part_begin = begun ? part_end + 1 : 0;
	begun = true;
	for (part_end = part_begin; part_end < args_count; part_end++)
		if (args[part_end].value == NULL && strcmp(args[part_end].key, separator) == 0)
			break;
	return true;
}

const char *args_word(u32 n, const char *fallback)
{
	for (u32 i = part_begin; i < part_end; i++)
		if (args[i].value == NULL && n-- == 0)
			return args[i].key;
	return fallback;
}

const char *args_text(const char *key, const char *fallback)
{
	const char *value = fallback;

	for (u32 i = 0; i < part_end; i++) {
		if (args[i].value != NULL && strcmp(args[i].key, key) == 0) {
			value = args[i].value;
			args[i].used = true;
		}
	}
	return value;
}

u64 args_number(const char *key, u64 fallback)
{
	const char *value = args_text(key, NULL);
	u64 number = fallback;

	if (value != NULL && !string_number(value, &number)) {
		print("# %s=%s: not a number\n", key, value);
		guest_exit(EXIT_USAGE);
	}
	return number;
}

void args_finish(void)
{
	for (u32 i = 0; i < args_count; i++) {
		if (args[i].value != NULL && !args[i].used) {
			print("# %s=%s: no such argument here\n", args[i].key, args[i].value);
			guest_exit(EXIT_USAGE);
		}
	}
}
