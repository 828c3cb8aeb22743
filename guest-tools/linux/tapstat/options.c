/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "guest-tools/linux/tapstat/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MIN 0.1
#define INTERVAL_MAX 3600.0
#define COUNT_MAX    1000000000.0

const char options_help[] =
	"tapstat: what this virtual machine costs its hypervisor, Tapvisor\n"
	"\n"
	"  tapstat [-i SECONDS] [-n COUNT] [--json | --csv]   differences, each interval anew\n"
	"  tapstat --once [--json | --csv]                    totals since the VM was made\n"
	"  tapstat [--json | --csv] -- COMMAND [ARGUMENT...]  differences, while it ran\n"
	"\n"
	"  -i, --interval SECONDS  0.1 to 3600, 1 if not given\n"
	"  -n, --count COUNT       ends after so many intervals\n"
	"      --once              one report of totals\n"
	"      --json              an object a line\n"
	"      --csv               seconds,group,name,value\n"
	"  -o, --output FILE       reports go there\n"
	"      --device FILE       instead of /dev/tapvisor, which the module tapvisor.ko makes\n"
	"      --interrupts FILE   instead of /proc/interrupts\n"
	"  -h, --help              this\n";

struct parser {
	struct options *options;
	char *message;
	size_t size;
};

typedef bool (*take_fn)(struct parser *p, const char *name, const char *value);

static bool number(struct parser *p, const char *name, const char *value, double min, double max,
                   double *result)
{
	char *end;

	*result = strtod(value, &end);
	if (end != value && *end == '\0' && *result >= min && *result <= max)
		return true;
	snprintf(p->message, p->size, "%s %s: a number from %g to %g is expected", name, value, min,
	         max);
	return false;
}

static bool take_interval(struct parser *p, const char *name, const char *value)
{
	double seconds;

	if (!number(p, name, value, INTERVAL_MIN, INTERVAL_MAX, &seconds))
		return false;
	p->options->interval_ms = (u32)(seconds * 1000 + 0.5);
	return true;
}

static bool take_count(struct parser *p, const char *name, const char *value)
{
	double count;

	if (!number(p, name, value, 1, COUNT_MAX, &count))
		return false;
	p->options->count = (u32)count;
	return true;
}

static bool take_file(struct parser *p, const char *name, const char *value)
{
	(void)name;
	p->options->file = value;
	return true;
}

static bool take_device(struct parser *p, const char *name, const char *value)
{
	(void)name;
	p->options->device = value;
	return true;
}

static bool take_interrupts(struct parser *p, const char *name, const char *value)
{
	(void)name;
	p->options->interrupts = value;
	return true;
}

static bool take_once(struct parser *p, const char *name, const char *value)
{
	(void)name, (void)value;
	p->options->once = true;
	return true;
}

static bool take_help(struct parser *p, const char *name, const char *value)
{
	(void)name, (void)value;
	p->options->help = true;
	return true;
}

static bool take_output(struct parser *p, const char *name, const char *value)
{
	enum output output = strcmp(name, "--json") == 0 ? OUTPUT_JSON : OUTPUT_CSV;

	(void)value;
	if (p->options->output != OUTPUT_TEXT && p->options->output != output) {
		snprintf(p->message, p->size, "--json and --csv exclude each other");
		return false;
	}
	p->options->output = output;
	return true;
}

static const struct {
	const char *shorter, *name;
	bool value;
	take_fn take;
} known[] = {
	{ "-i", "--interval", true, take_interval },
	{ "-n", "--count", true, take_count },
	{ NULL, "--once", false, take_once },
	{ NULL, "--json", false, take_output },
	{ NULL, "--csv", false, take_output },
	{ "-o", "--output", true, take_file },
	{ NULL, "--device", true, take_device },
	{ NULL, "--interrupts", true, take_interrupts },
	{ "-h", "--help", false, take_help },
};

/* Index in known[], or -1. */
static int find(const char *word)
{
	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(word, known[i].name) == 0 ||
		    (known[i].shorter != NULL && strcmp(word, known[i].shorter) == 0))
			return (int)i;
	return -1;
}

/* What no single option can tell. */
static bool fit(const struct options *options, char *message, size_t size)
{
	const char *both = options->once && options->count != 0        ? "--once and --count"
	                   : options->once && options->command != NULL ? "--once and a command"
	                   : options->count != 0 && options->command != NULL
	                           ? "--count and a command"
	                           : NULL;

	if (both != NULL)
		snprintf(message, size, "%s exclude each other", both);
	return both == NULL;
}

bool options_parse(struct options *options, int argc, char *const *argv, char *message, size_t size)
{
	struct parser p = { options, message, size };

	*options = (struct options){ .interval_ms = 1000,
		                     .device = "/dev/tapvisor",
		                     .interrupts = "/proc/interrupts" };
	for (int i = 1; i < argc; i++) {
		int row = find(argv[i]);
		const char *name = argv[i], *value = NULL;

		if (strcmp(name, "--") == 0 && i + 1 < argc) {
			options->command = &argv[i + 1];
			break;
		}
		if (row < 0) {
			snprintf(message, size, "%s: no such option; --help lists them", name);
			return false;
		}
		if (known[row].value && ++i == argc) {
			snprintf(message, size, "%s wants a value; --help lists the options", name);
			return false;
		}
		value = known[row].value ? argv[i] : NULL;
		if (!known[row].take(&p, name, value))
			return false;
	}
	return fit(options, message, size);
}
