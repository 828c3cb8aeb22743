/* SPDX-License-Identifier: MIT */
/*
 * profile SECONDS [LINES]: where the kernel spends its time, without perf and without a PMU.
 *
 * The timer tick looks where it interrupted the kernel, if it was booted with profile=8 or the
 * like; /proc/profile counts. User space and idle CPUs are not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROFILE      "/proc/profile"
#define SYMBOLS      "/proc/kallsyms"
#define SECONDS_MAX  86400
#define LINES_USUAL  15
#define LINES_MAX    100000
#define STATUS_USAGE 2
#define STATUS_LINUX 3

/* /proc/profile: the bytes that a bucket stands for, then a count for each bucket from _stext on.
 */
struct profile {
	uint32_t step, buckets;
	uint32_t *count;
};

struct function {
	char *name;
	uint64_t count;
};

static struct function *functions;
static size_t function_count, function_room;

static void fail(const char *what)
{
	fprintf(stderr, "profile: %s: %s\n", what, strerror(errno));
	exit(STATUS_LINUX);
}

static void *need(void *memory)
{
	if (memory == NULL)
		fail("memory");
	return memory;
}

static void reset(void)
{
	int file = open(PROFILE, O_WRONLY | O_CLOEXEC);

	if (file < 0 && errno == ENOENT) {
		fprintf(stderr, "profile: the kernel does not count: boot with APPEND=profile=8\n");
		exit(STATUS_LINUX);
	}
	if (file < 0 || write(file, "\n", 1) != 1)
		fail(PROFILE);
	close(file);
}

static struct profile take(void)
{
	struct profile p = { 0 };
	size_t room = 1u << 20, used = 0;
	uint32_t *words = need(malloc(room));
	int file = open(PROFILE, O_RDONLY | O_CLOEXEC);
	ssize_t got = file < 0 ? -1 : 1;

	while (got > 0) {
		if (used == room)
			words = need(realloc(words, room *= 2));
		got = read(file, (char *)words + used, room - used);
		used += got > 0 ? (size_t)got : 0;
	}
	if (got < 0 || used < sizeof(uint32_t))
		fail(PROFILE);
	close(file);
	p.step = words[0];
	p.count = words + 1;
	p.buckets = (uint32_t)(used / sizeof(uint32_t)) - 1;
	return p;
}

static void add(const char *name, uint64_t count)
{
	if (function_count == function_room) {
		function_room = function_room * 2 + 64;
		functions = need(realloc(functions, function_room * sizeof(*functions)));
	}
	functions[function_count++] = (struct function){ need(strdup(name)), count };
}

/* Counts of the buckets that begin below this place of the kernel's text, from *at on. */
static uint64_t sum_below(const struct profile *p, uint64_t offset, uint32_t *at)
{
	uint64_t sum = 0;

	for (; *at < p->buckets && (uint64_t)*at * p->step < offset; ++*at)
		sum += p->count[*at];
	return sum;
}

/* Functions of the kernel itself, by ascending address, are given what was counted in them. */
static void name_counts(const struct profile *p, FILE *symbols)
{
	uint64_t base = 0, address, sum;
	char line[1024], name[512], last[512] = "", type;
	uint32_t at = 0;

	while (at < p->buckets && fgets(line, sizeof(line), symbols) != NULL) {
		char *end;

		address = strtoull(line, &end, 16);
		if (sscanf(end, " %c %511s", &type, name) != 2 || strchr("tTwW", type) == NULL)
			continue;
		if (strcmp(name, "_stext") == 0)
			base = address;
		if (base == 0)
			continue;
		sum = sum_below(p, address - base, &at);
		if (sum != 0)
			add(last, sum);
		strcpy(last, name);
	}
	if (base == 0) {
		fprintf(stderr, "profile: %s hides addresses: kptr_restrict should be 0 or 1\n",
		        SYMBOLS);
		exit(STATUS_LINUX);
	}
	sum = sum_below(p, UINT64_MAX, &at);
	if (sum != 0)
		add(last, sum);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct function *)a)->name, ((const struct function *)b)->name);
}

static int by_count(const void *a, const void *b)
{
	const struct function *left = a, *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return by_name(a, b);
}

/* Local functions of one name are told as one. */
static void merge(void)
{
	size_t kept = 0;

	qsort(functions, function_count, sizeof(*functions), by_name);
	for (size_t i = 0; i < function_count; i++) {
		if (kept > 0 && by_name(&functions[kept - 1], &functions[i]) == 0)
			functions[kept - 1].count += functions[i].count;
		else
			functions[kept++] = functions[i];
	}
	function_count = kept;
	qsort(functions, function_count, sizeof(*functions), by_count);
}

/* 0: no whole number from 1 to max. */
static unsigned int number(const char *text, unsigned int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && *end == '\0' && value <= max ? (unsigned int)value
	                                                                    : 0;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc == 2 || argc == 3 ? number(argv[1], SECONDS_MAX) : 0;
	unsigned int lines = argc == 3 ? number(argv[2], LINES_MAX) : LINES_USUAL;
	struct profile p;
	FILE *symbols;

	if (seconds == 0 || lines == 0) {
		fprintf(stderr,
		        "usage: profile SECONDS [LINES]: whole numbers, up to %d, and up to %d (%d)\n",
		        SECONDS_MAX, LINES_MAX, LINES_USUAL);
		return STATUS_USAGE;
	}
	reset();
	sleep(seconds);
	p = take();
	symbols = fopen(SYMBOLS, "re");
	if (symbols == NULL)
		fail(SYMBOLS);
	fprintf(stderr, "profile: reads the kernel's symbols, which takes it a while\n");
	name_counts(&p, symbols);
	merge();
	for (size_t i = 0; i < function_count && i < lines; i++)
		printf("%8lu  %s\n", functions[i].count, functions[i].name);
	if (function_count == 0)
		printf("profile: no tick found a CPU in the kernel\n");
	return 0;
}
