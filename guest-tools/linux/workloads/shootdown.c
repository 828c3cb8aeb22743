/* SPDX-License-Identifier: MIT */
/*
 * shootdown CPUS COUNT: one CPU maps another page where some others have one in use, COUNT times.
 *
 * CPUS is a list such as 0-2 or 0,3. The first remaps; on each other one a thread spins, so Linux
 * has to flush the TLBs of exactly those, and of a process that runs on some CPUs only. After each
 * remapping every thread looks at the page: one that still sees the page before has an old
 * translation, which is what must never be. Status 1 if that came to pass, 2 for wrong arguments.
 */
#define _GNU_SOURCE /* sched_setaffinity, memfd_create */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE         4096
#define CPUS_MAX     1024
#define END          (-2)
#define COUNT_MAX    10000000
#define STATUS_STALE 1
#define STATUS_USAGE 2
#define STATUS_LINUX 3

struct watcher {
	_Alignas(64) atomic_long seen; /* the last number it has looked at the page for */
	pthread_t thread;
	int cpu;
	long stale;
};

static struct watcher watchers[CPUS_MAX];
static atomic_long current = -1; /* number of the remapping that is to be looked at, or END */
static volatile long *page;
static char *alias; /* both pages of the file */
static int file;

static void fail(const char *what)
{
	perror(what);
	exit(STATUS_LINUX);
}

static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return;
	fprintf(stderr, "shootdown: CPU %d cannot be had: %s\n", cpu, strerror(errno));
	exit(STATUS_LINUX);
}

/* The number at *text, which moves behind it; -1: there is none that a CPU could have. */
static int take_number(const char **text)
{
	char *end = NULL;
	long cpu = **text >= '0' && **text <= '9' ? strtol(*text, &end, 10) : -1;

	if (cpu < 0 || cpu >= CPUS_MAX)
		return -1;
	*text = end;
	return (int)cpu;
}

/* The CPUs of a list such as 0-2,5, in its order; 0: it is no list, or has one twice. */
static int take_list(const char *text, int cpus[CPUS_MAX])
{
	static bool taken[CPUS_MAX];
	int count = 0;

	for (;; text++) {
		int first = take_number(&text), last = first;

		if (first >= 0 && *text == '-') {
			text++;
			last = take_number(&text);
		}
		if (first < 0 || last < first)
			return 0;
		for (int cpu = first; cpu <= last; cpu++) {
			if (taken[cpu])
				return 0;
			taken[cpu] = true;
			cpus[count++] = cpu;
		}
		if (*text != ',')
			return *text == '\0' ? count : 0;
	}
}

static void *watch(void *argument)
{
	struct watcher *me = argument;
	long seen = -1, now = -1;

	go_to(me->cpu);
	while (now != END) {
		now = atomic_load(&current);
		if (now == seen || now == END)
			continue;
		me->stale += *page != now;
		seen = now;
		atomic_store(&me->seen, now);
	}
	return NULL;
}

static void announce(long number, long others)
{
	atomic_store(&current, number);
	for (long i = 0; i < others; i++)
		while (atomic_load(&watchers[i].seen) != number)
			;
}

static unsigned long tsc(void)
{
	unsigned int low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (unsigned long)high << 32 | low;
}

static void map(long number)
{
	/* Two pages of the file in turn. */
	if (mmap((void *)(uintptr_t)page, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
	         file, number % 2 * PAGE) == MAP_FAILED)
		fail("shootdown: mmap");
}

static void prepare(void)
{
	char *around;

	file = memfd_create("shootdown", 0);
	if (file < 0 || ftruncate(file, 2 * PAGE) != 0)
		fail("shootdown: memfd_create");
	alias = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	/* Neighbours keep Linux from freeing page tables, which would be a different flush. */
	around = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (alias == MAP_FAILED || around == MAP_FAILED)
		fail("shootdown: mmap");
	page = (volatile long *)(void *)(around + PAGE);
	map(0);
}

/* The ticks of all mmap() together. */
static unsigned long remap(long count, long others)
{
	unsigned long ticks = 0, begin;

	announce(0, others);
	for (long number = 1; number <= count; number++) {
		*(volatile long *)(void *)(alias + number % 2 * PAGE) = number;
		begin = tsc();
		map(number);
		ticks += tsc() - begin;
		announce(number, others);
	}
	atomic_store(&current, END);
	return ticks;
}

/* 0: not a whole number, or out of bounds. */
static long count_of(const char *text)
{
	char *end;
	long count = strtol(text, &end, 10);

	return *end == '\0' && count >= 1 && count <= COUNT_MAX ? count : 0;
}

int main(int argc, char **argv)
{
	static int cpus[CPUS_MAX];
	long count = argc == 3 ? count_of(argv[2]) : 0, stale = 0;
	int others = argc == 3 ? take_list(argv[1], cpus) - 1 : 0;
	unsigned long ticks;

	if (others < 1 || count == 0) {
		fprintf(stderr,
		        "usage: shootdown CPUS COUNT: two CPUs or more, such as 0-2, none twice;"
		        " how often, a whole number from 1 to %d\n",
		        COUNT_MAX);
		return STATUS_USAGE;
	}
	for (int i = 0; i < others; i++)
		watchers[i] = (struct watcher){ .seen = -1, .cpu = cpus[i + 1] };
	/* A new program on that CPU: its mm has been on no other. */
	go_to(cpus[0]);
	if (getenv("SHOOTDOWN") == NULL) {
		setenv("SHOOTDOWN", "1", 1);
		execv("/proc/self/exe", argv);
		fail("shootdown: /proc/self/exe");
	}
	prepare();
	for (int i = 0; i < others; i++)
		if (pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]) != 0)
			fail("shootdown: pthread_create");
	ticks = remap(count, others);
	for (int i = 0; i < others; i++) {
		pthread_join(watchers[i].thread, NULL);
		stale += watchers[i].stale;
	}
	printf("shootdown: %ld remappings seen by %d CPUs, %lu ticks each, %ld stale\n", count,
	       others, ticks / (unsigned long)count, stale);
	return stale ? STATUS_STALE : 0;
}
