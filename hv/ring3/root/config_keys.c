/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* The keys of a `vm` line: a row for each, with what its value may be. */
#include "hv/ring3/root/config.h"

#include "hv/base/string.h"

struct key_row;

/* Stores the value. False: it is not of the kind that the row's `wants` names. */
typedef bool key_parse(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                       struct word value);

struct key_row {
	const char *name;
	key_parse *parse;
	const char *wants;
	u32 a, b, c; /* for parse */
};

/* a: offset of a u32 in struct vm_plan; b..c: its range. */
static bool parse_number(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                         struct word value)
{
	u64 v;
	u32 v32;

	(void)p;
	if (!word_number(value, &v) || v < row->b || v > row->c)
		return false;
	v32 = (u32)v;
	memcpy((u8 *)plan + row->a, &v32, sizeof(v32));
	return true;
}

/* a: bit of config.features. */
static bool parse_switch(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                         struct word value)
{
	(void)p;
	if (word_is(value, "on"))
		plan->config.features |= row->a;
	else if (word_is(value, "off"))
		plan->config.features &= ~row->a;
	else
		return false;
	return true;
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

static bool parse_name(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                       struct word value)
{
	(void)p, (void)row;
	if (value.length == 0 || value.length >= VM_NAME_LEN || word_is(value, "host"))
		return false;
	for (u32 i = 0; i < value.length; i++)
		if (!is_name_character(value.text[i]))
			return false;
	memcpy(plan->config.name, value.text, value.length);
	plan->config.name[value.length] = 0;
	return true;
}

static bool parse_range(struct word part, u64 *first, u64 *last)
{
	struct word left, right;

	if (!word_split(part, '-', &left, &right))
		return word_number(part, first) && word_number(part, last);
	return word_number(left, first) && word_number(right, last) && *first <= *last;
}

/* True even when cores are not there: that has a message of its own. */
static bool add_cores(struct config_parser *p, struct vm_plan *plan, struct word part)
{
	u64 first, last;

	if (!parse_range(part, &first, &last))
		return false;
	if (last >= p->info->cores) {
		config_error(p, part, "there is no core %llu: the machine has 0 to %u",
		             (unsigned long long)last, p->info->cores - 1);
		return true;
	}
	for (u64 core = first; core <= last; core++) {
		if ((plan->config.cores & BIT(core)) != 0) {
			config_error(p, part, "core %llu is in this list already",
			             (unsigned long long)core);
			return true;
		}
		plan->config.cores |= BIT(core);
	}
	return true;
}

static bool parse_cpus(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                       struct word value)
{
	struct word part, rest = value;

	(void)row;
	plan->config.cores = 0;
	while (word_split(rest, ',', &part, &rest))
		if (!add_cores(p, plan, part))
			return false;
	return add_cores(p, plan, rest);
}

static bool parse_memory(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                         struct word value)
{
	u64 bytes;

	(void)row;
	plan->config.memory = 0; /* a wrong size is no part of the sum that is checked later */
	if (!word_bytes(value, &bytes))
		return false;
	if (bytes < VM_MEMORY_STEP || bytes > VM_MEMORY_MAX || bytes % VM_MEMORY_STEP != 0)
		config_error(p, value, "memory comes in steps of 2M, from 2M to %lluM",
		             (unsigned long long)(VM_MEMORY_MAX >> 20));
	else if (bytes > p->info->memory_free)
		config_error(p, value, "only %lluM of memory are free",
		             (unsigned long long)(p->info->memory_free >> 20));
	else
		plan->config.memory = bytes;
	return true;
}

static bool parse_apic(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                       struct word value)
{
	(void)p, (void)row;
	plan->config.apic = word_is(value, "x2apic") ? APIC_X2APIC : APIC_XAPIC;
	return word_is(value, "xapic") || word_is(value, "x2apic");
}

static bool add_pv(struct vm_plan *plan, struct word part)
{
	u32 bit = word_is(part, "kvm") ? VM_PV_KVM : word_is(part, "tap") ? VM_PV_TAP : 0;
	bool twice = (plan->config.features & bit) != 0;

	plan->config.features |= bit;
	return bit != 0 && !twice;
}

static bool parse_pv(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                     struct word value)
{
	struct word part, rest = value;

	(void)p, (void)row;
	if (word_is(value, "none"))
		return true;
	while (word_split(rest, ',', &part, &rest))
		if (!add_pv(plan, part))
			return false;
	return add_pv(plan, rest);
}

/* Ticks, or a time with ms or us. */
static bool parse_slice(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                        struct word value)
{
	u64 per_second = 0, v;

	(void)row;
	if (value.length > 2 && value.text[value.length - 1] == 's') {
		char unit = value.text[value.length - 2];

		per_second = unit == 'm' ? 1000 : unit == 'u' ? 1000000 : 0;
		if (per_second == 0)
			return false;
		value.length -= 2;
	}
	if (!word_number(value, &v) || v == 0 || v > 10000000000ull)
		return false;
	/* v is below 2^34, the ticks of a millisecond are below 2^24. */
	plan->config.slice = per_second == 0      ? v
	                     : per_second == 1000 ? v * (p->info->process.tsc_hz / 1000)
	                                          : v * (p->info->process.tsc_hz / 1000) / 1000;
	return plan->config.slice != 0;
}

static bool parse_console(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                          struct word value)
{
	static const char *const modes[] = {
		[VM_CONSOLE_OFF] = "off", [VM_CONSOLE_LINES] = "lines", [VM_CONSOLE_RAW] = "raw"
	};

	(void)p, (void)row;
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		if (word_is(value, modes[i])) {
			plan->console = (enum vm_console_mode)i;
			return true;
		}
	}
	return false;
}

static bool parse_restart(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                          struct word value)
{
	plan->only_reset = word_is(value, "reset");
	if (word_is(value, "on") || plan->only_reset)
		plan->restarts = RESTARTS_UNLIMITED;
	else if (word_is(value, "off"))
		plan->restarts = 0;
	else
		return parse_number(p, plan, row, value);
	return true;
}

/* Who it is, is looked up when all lines are known. */
static bool parse_after(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                        struct word value)
{
	(void)p, (void)row;
	plan->after = value;
	return value.length > 0;
}

static bool parse_floor(struct config_parser *p, struct vm_plan *plan, const struct key_row *row,
                        struct word value)
{
	u64 number;

	(void)p;
	if (!word_number(value, &number) || number > row->c)
		return false;
	plan->config.timer_floor = number;
	return true;
}

#define IN_CONFIG(field) offsetof(struct vm_plan, config.field)
#define ON_OFF           "on or off"

static const struct key_row rows[CONFIG_KEYS] = {
	{ "name", parse_name, "1 to 15 letters, digits, - _ . (not host)", 0, 0, 0 },
	{ "vcpus", parse_number, "a number from 1 to 256", IN_CONFIG(vcpus), 1, MAX_VCPUS },
	{ "cpus", parse_cpus, "cores and ranges of cores, such as 0,2-3", 0, 0, 0 },
	{ "mem", parse_memory, "a size with K, M or G, such as 32M", 0, 0, 0 },
	{ "apic", parse_apic, "xapic or x2apic", 0, 0, 0 },
	{ "pv", parse_pv, "none, kvm, tap, or kvm,tap", 0, 0, 0 },
	{ "apicv", parse_switch, ON_OFF, VM_APICV, 0, 0 },
	{ "posted", parse_switch, ON_OFF, VM_POSTED, 0, 0 },
	{ "ipiv", parse_switch, ON_OFF, VM_IPIV, 0, 0 },
	{ "counters", parse_switch, ON_OFF, VM_COUNTERS, 0, 0 },
	{ "apic-page", parse_switch, ON_OFF, VM_APIC_PAGE, 0, 0 },
	{ "weight", parse_number, "a number from 1 to 1000", IN_CONFIG(weight), 1, 1000 },
	{ "slice", parse_slice, "ticks, or a time such as 500us or 5ms", 0, 0, 0 },
	{ "budget", parse_number, "per mille of a core, 0 (no bound) to 1000", IN_CONFIG(budget), 0,
	  1000 },
	{ "timer-floor", parse_floor, "microseconds, 0 (none) to 1000000", 0, 0, 1000000 },
	{ "console", parse_console, "off, lines or raw", 0, 0, 0 },
	{ "restart", parse_restart, "on, off, reset, or how often at most",
	  offsetof(struct vm_plan, restarts), 0, 1000000 },
	{ "after", parse_after, "the name of another VM", 0, 0, 0 },
};

const char *config_key_name(u32 key)
{
	return rows[key].name;
}

u32 config_parse_key(struct config_parser *p, struct vm_plan *plan, struct word key,
                     struct word value)
{
	for (u32 i = 0; i < CONFIG_KEYS; i++) {
		if (!word_is(key, rows[i].name))
			continue;
		if (!rows[i].parse(p, plan, &rows[i], value))
			config_error(p, value, "%s= wants %s", rows[i].name, rows[i].wants);
		return i;
	}
	config_error(p, key,
	             "no such key; there are name vcpus cpus mem apic pv apicv posted ipiv "
	             "counters apic-page weight slice budget timer-floor console restart after");
	return CONFIG_KEYS;
}
