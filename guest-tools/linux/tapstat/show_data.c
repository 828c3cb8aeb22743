/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* For programs: JSON lines, and CSV with a line for each value. Rows that are zero are left out. */
#include "guest-tools/linux/tapstat/show.h"

#include "hv/abi/names.h"

/* Both forms are walks over the same groups of named values. */
typedef void (*group_fn)(void *to, const char *group);
typedef void (*value_fn)(void *to, const char *group, const char *name, u64 value);

struct sink {
	void *to;
	group_fn begin;
	value_fn value;
};

static void value(const struct sink *sink, const char *group, const char *name, u64 v)
{
	if (v != 0)
		sink->value(sink->to, group, name, v);
}

static void begin(const struct sink *sink, const char *group)
{
	if (sink->begin != NULL)
		sink->begin(sink->to, group);
}

static void walk_ipis(const struct sink *sink, const struct counts *c)
{
	static const char *const names[] = { "sends",   "targets", "posted",       "coalesced",
		                             "dropped", "kicks",   "kicks-avoided" };
	char name[48];

	begin(sink, "ipis");
	for (u32 i = 0; i < IPI_PATHS; i++) {
		const struct ipi_counter *ipi = &c->ipi[i];
		const u64 values[] = { ipi->sends,        ipi->requested, ipi->posted,
			               ipi->coalesced,    ipi->dropped,   ipi->kicks,
			               ipi->kicks_avoided };

		for (u32 k = 0; k < ARRAY_SIZE(values); k++) {
			snprintf(name, sizeof(name), "%s.%s", ipi_path_name(i), names[k]);
			value(sink, "ipis", name, values[k]);
		}
	}
}

static void walk_blame(const struct sink *sink, const struct report *report)
{
	char name[48], text[16];

	begin(sink, "blame");
	for (u32 i = 0; i < MAX_VMS; i++)
		for (u32 cause = 0; cause < BLAME_CAUSES; cause++) {
			snprintf(name, sizeof(name), "%s.%s",
			         culprit_name(report, i, text, sizeof(text)),
			         blame_cause_name(cause));
			value(sink, "blame", name, report->counts->blame[i][cause]);
		}
}

static void walk(const struct sink *sink, const struct report *report)
{
	const struct counts *c = report->counts;

	begin(sink, "exits");
	for (u32 i = 0; i < EXIT_REASONS; i++)
		value(sink, "exits", exit_reason_name(i), c->exit_count[i]);
	begin(sink, "exit-ticks");
	for (u32 i = 0; i < EXIT_REASONS; i++)
		value(sink, "exit-ticks", exit_reason_name(i), c->exit_ticks[i]);
	walk_ipis(sink, c);
	begin(sink, "time");
	for (u32 i = 0; i < VCPU_TIMES; i++)
		value(sink, "time", vcpu_time_name(i), c->time[i]);
	begin(sink, "events");
	for (u32 i = 0; i < VCPU_COUNTS; i++)
		value(sink, "events", vcpu_count_name(i), c->count[i]);
	walk_blame(sink, report);
	begin(sink, "interrupts");
	for (u32 i = 0; i < IRQ_ROWS; i++)
		value(sink, "interrupts", irq_row_name(i), c->irq[i]);
}

/* ---- JSON ---- */

struct json {
	FILE *out;
	bool open, first;
};

static void json_begin(void *to, const char *group)
{
	struct json *json = to;

	fprintf(json->out, "%s,\"%s\":{", json->open ? "}" : "", group);
	json->open = json->first = true;
}

static void json_value(void *to, const char *group, const char *name, u64 v)
{
	struct json *json = to;

	(void)group;
	fprintf(json->out, "%s\"%s\":%lu", json->first ? "" : ",", name, v);
	json->first = false;
}

void show_json(FILE *out, const struct report *report)
{
	struct json json = { out, false, false };
	const struct sink sink = { &json, json_begin, json_value };

	fprintf(out, "{\"type\":\"tapstat\",\"vm\":%u,\"vcpus\":%u,\"totals\":%s,", report->vm,
	        report->vcpus, report->totals ? "true" : "false");
	fprintf(out, "\"seconds\":%.3f,\"ticks\":%lu,\"steal\":%lu", report->seconds,
	        report->counts->ticks, counts_steal(report->counts));
	walk(&sink, report);
	fprintf(out, "}}\n");
}

/* ---- CSV ---- */

struct csv {
	FILE *out;
	double seconds;
};

static void csv_value(void *to, const char *group, const char *name, u64 v)
{
	const struct csv *csv = to;

	fprintf(csv->out, "%.3f,%s,%s,%lu\n", csv->seconds, group, name, v);
}

void show_csv(FILE *out, const struct report *report)
{
	struct csv csv = { out, report->seconds };
	const struct sink sink = { &csv, NULL, csv_value };

	if (report->first)
		fprintf(out, "seconds,group,name,value\n");
	csv_value(&csv, "all", "ticks", report->counts->ticks);
	csv_value(&csv, "all", "exits", counts_exits(report->counts));
	csv_value(&csv, "all", "steal", counts_steal(report->counts));
	walk(&sink, report);
}
