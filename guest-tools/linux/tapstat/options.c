/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "guest-tools/linux/tapstat/options.h"

#include <getopt.h>
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

/* Options without a letter; others have theirs. */
enum { KEY_ONCE = 256, KEY_JSON, KEY_CSV, KEY_DEVICE, KEY_INTERRUPTS };

/* '+': a word that is no option ends them. ':': who lacks a value is told apart. */
static const char letters[] = "+:i:n:o:h";
static const struct option names[] = {
	{ "interval", required_argument, NULL, 'i' },
	{ "count", required_argument, NULL, 'n' },
	{ "once", no_argument, NULL, KEY_ONCE },
	{ "json", no_argument, NULL, KEY_JSON },
	{ "csv", no_argument, NULL, KEY_CSV },
	{ "output", required_argument, NULL, 'o' },
	{ "device", required_argument, NULL, KEY_DEVICE },
	{ "interrupts", required_argument, NULL, KEY_INTERRUPTS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct parser {
	struct options *options;
	char *message;
	size_t size;
	bool interval; /* was given */
	char name[32]; /* of the option at hand, as it would be typed */
};

static bool refuse(struct parser *p, const char *name, const char *why)
{
	snprintf(p->message, p->size, "%s%s", name, why);
	return false;
}

/* False, with a message, unless all of `value` is a number in these bounds. */
static bool number(struct parser *p, const char *value, double min, double max, const char *kind,
                   double *result)
{
	char *end;

	*result = strtod(value, &end);
	if (end != value && *end == '\0' && *result >= min && *result <= max)
		return true;
	snprintf(p->message, p->size, "%s %s: a %snumber from %.10g to %.10g is expected", p->name,
	         value, kind, min, max);
	return false;
}

static bool take_interval(struct parser *p, const char *value)
{
	double seconds;

	if (!number(p, value, INTERVAL_MIN, INTERVAL_MAX, "", &seconds))
		return false;
	p->options->interval_ms = (u32)(seconds * 1000 + 0.5);
	p->interval = true;
	return true;
}

static bool take_count(struct parser *p, const char *value)
{
	double count;

	if (!number(p, value, 1, COUNT_MAX, "whole ", &count))
		return false;
	p->options->count = (u32)count;
	if (p->options->count == count)
		return true;
	snprintf(p->message, p->size, "%s %s: not a whole number; %u or %u would be", p->name,
	         value, p->options->count, p->options->count + 1);
	return false;
}

static bool take_output(struct parser *p, enum output output)
{
	if (p->options->output != OUTPUT_TEXT && p->options->output != output)
		return refuse(p, "--json and --csv", " exclude each other");
	p->options->output = output;
	return true;
}

static bool take(struct parser *p, int key, const char *value)
{
	switch (key) {
	case 'i':
		return take_interval(p, value);
	case 'n':
		return take_count(p, value);
	case KEY_JSON:
		return take_output(p, OUTPUT_JSON);
	case KEY_CSV:
		return take_output(p, OUTPUT_CSV);
	case KEY_ONCE:
		p->options->once = true;
		return true;
	case 'o':
		p->options->file = value;
		return true;
	case KEY_DEVICE:
		p->options->device = value;
		return true;
	case KEY_INTERRUPTS:
		p->options->interrupts = value;
		return true;
	default:
		p->options->help = true;
		return true;
	}
}

/* Why getopt_long() took no option: `word` is where it stopped, optopt what it found there. */
static bool wrong(struct parser *p, bool lacks_value, const char *word)
{
	bool is_long = strncmp(word, "--", 2) == 0;

	if (!is_long)
		snprintf(p->name, sizeof(p->name), "-%c", optopt);
	if (lacks_value)
		return refuse(p, is_long ? word : p->name,
		              " wants a value; --help lists the options");
	if (is_long && optopt != 0)
		return refuse(p, word, ": this option takes no value; --help lists them");
	if (is_long)
		return refuse(p, word, ": no such option, or short for several; --help lists them");
	return refuse(p, p->name, ": no such option; --help lists them");
}

/* What no single option can tell. */
static bool fit(struct parser *p)
{
	const struct options *o = p->options;
	const struct {
		bool both;
		const char *names;
	} rows[] = {
		{ o->once && p->interval, "--once and --interval" },
		{ o->once && o->count != 0, "--once and --count" },
		{ o->once && o->command != NULL, "--once and a command" },
		{ p->interval && o->command != NULL, "--interval and a command" },
		{ o->count != 0 && o->command != NULL, "--count and a command" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].both)
			return refuse(p, rows[i].names, " exclude each other");
	return true;
}

/* What stands behind the options: nothing, or "--" and a command. */
static bool rest(struct parser *p, bool dashes, int words, char *const *word)
{
	if (dashes && words > 0)
		p->options->command = word;
	else if (dashes)
		return refuse(p, "--", ": a command is expected behind it");
	else if (words > 0)
		return refuse(p, *word,
		              ": no such option; --help lists them; a command stands behind --");
	return true;
}

/* One option; false: it is wrong. `more` becomes false behind the last. */
static bool next(struct parser *p, int argc, char *const *argv, bool *more)
{
	int before = optind == 0 ? 1 : optind, row = -1;
	int key = getopt_long(argc, argv, letters, names, &row);

	*more = key != -1;
	if (key == '?' || key == ':')
		return wrong(p, key == ':', argv[optind > before ? optind - 1 : optind]);
	if (key == -1)
		return rest(p, optind > before, argc - optind, &argv[optind]);
	if (row >= 0)
		snprintf(p->name, sizeof(p->name), "--%s", names[row].name);
	else
		snprintf(p->name, sizeof(p->name), "-%c", key);
	return take(p, key, optarg);
}

bool options_parse(struct options *options, int argc, char *const *argv, char *message, size_t size)
{
	struct parser p = { .options = options, .message = message, .size = size };
	bool more = true;

	*options = (struct options){ .interval_ms = 1000,
		                     .device = "/dev/tapvisor",
		                     .interrupts = "/proc/interrupts" };
	optind = 0; /* from the beginning, in glibc */
	opterr = 0;
	while (more)
		if (!next(&p, argc, argv, &more))
			return false;
	return fit(&p);
}
