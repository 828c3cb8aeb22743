/* SPDX-License-Identifier: MIT */
/* tapstat's command line. Pure. */
#ifndef TAPSTAT_OPTIONS_H
#define TAPSTAT_OPTIONS_H

#include "hv/base/types.h"

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_CSV, OUTPUTS };

struct options {
	enum output output;
	bool once, help;
	u32 interval_ms; /* 100 .. 3,600,000 */
	u32 count;       /* intervals; 0: until it is ended */
	const char *device, *interrupts;
	const char *file;     /* where reports go; NULL: standard output */
	char *const *command; /* one report of what happened while it ran; NULL: none */
};

/* False: `message` says what is wrong and what would be right. */
MUST_USE bool options_parse(struct options *options, int argc, char *const *argv, char *message,
                            size_t size);

/* What --help prints. */
extern const char options_help[];

#endif
