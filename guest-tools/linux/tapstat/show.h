/* SPDX-License-Identifier: MIT */
/* A report of counts, in one of three forms. Pure: it goes to a stream that the caller opened. */
#ifndef TAPSTAT_SHOW_H
#define TAPSTAT_SHOW_H

#include <stdio.h>

#include "guest-tools/linux/tapstat/counts.h"

struct report {
	u32 vm, vcpus;
	bool totals; /* since the VM was made; else of an interval */
	bool first;  /* the first report: CSV begins with a heading */
	double seconds;
	const struct counts *counts;
};

void show_text(FILE *out, const struct report *report);
void show_json(FILE *out, const struct report *report);
void show_csv(FILE *out, const struct report *report);

/* "host", "self" or "vm3" into text. */
const char *culprit_name(const struct report *report, u32 culprit, char *text, size_t size);

#endif
