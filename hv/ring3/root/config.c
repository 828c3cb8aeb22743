/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/config.h"

#include "hv/base/format.h"
#include "hv/base/string.h"

void config_error(struct config_parser *p, struct word at, const char *fmt, ...)
{
	struct config *c = p->config;
	struct config_error *e;
	va_list args;

	if (c->errors++ >= CONFIG_ERRORS)
		return;
	e = &c->error[c->errors - 1];
	*e = (struct config_error){ .line = p->line, .column = at.column, .length = at.length };
	va_start(args, fmt);
	(void)format_va(e->text, sizeof(e->text), fmt, args);
	va_end(args);
}

/* --- the hypervisor's own command line --- */

#define PORTS                                                                                      \
	{                                                                                          \
		"none", "com1", "com2"                                                             \
	} /* as enum config_port */

static const struct option {
	const char *key;
	u32 field;             /* offset of a u32 in struct config */
	const char *values[3]; /* by what the field is set to; none: a word that sets it to 1 */
} options[] = {
	{ "telemetry", offsetof(struct config, telemetry), PORTS },
	{ "tables", offsetof(struct config, tables), { "off", "on" } },
	{ "crash", offsetof(struct config, crash), { "halt", "poweroff" } },
	{ "batch", offsetof(struct config, batch), { NULL } },
};

static void wrong_value(struct config_parser *p, const struct option *o, struct word at)
{
	if (o->values[2] == NULL)
		config_error(p, at, "%s= wants %s or %s", o->key, o->values[0], o->values[1]);
	else
		config_error(p, at, "%s= wants %s, %s or %s", o->key, o->values[0], o->values[1],
		             o->values[2]);
}

static void set_option(struct config_parser *p, const struct option *o, struct word key,
                       const struct word *value)
{
	u32 *field = (u32 *)(void *)((u8 *)p->config + o->field);

	if (o->values[0] == NULL) {
		*field = 1;
		if (value != NULL)
			config_error(p, *value, "%s takes no value", o->key);
		return;
	}
	for (u32 i = 0; value != NULL && i < ARRAY_SIZE(o->values); i++) {
		if (o->values[i] != NULL && word_is(*value, o->values[i])) {
			*field = i;
			return;
		}
	}
	wrong_value(p, o, value != NULL ? *value : key);
}

/* The same words as ring 0 knows. */
static void set_console(struct config_parser *p, struct word word)
{
	for (u32 i = 0; i < ARRAY_SIZE(console_choices); i++) {
		const struct console_choice *c = &console_choices[i];

		if (!word_is(word, c->name))
			continue;
		p->config->console = c->port == 0       ? PORT_NONE
		                     : c->port == 0x3f8 ? PORT_COM1
		                                        : PORT_COM2;
		p->config->screen = c->screen;
		p->config->console_given = 1;
		return;
	}
	config_error(p, word,
	             "console= wants com1, com2 or serial, screen, both (serial,screen) or none");
}

static void parse_option(struct config_parser *p, struct word word)
{
	struct word key = word, value;
	bool has_value = word_split(word, '=', &key, &value);

	if (word_is(key, "console")) {
		set_console(p, has_value ? value : key);
		return;
	}
	for (u32 i = 0; i < ARRAY_SIZE(options); i++) {
		if (word_is(key, options[i].key)) {
			set_option(p, &options[i], key, has_value ? &value : NULL);
			return;
		}
	}
	config_error(p, key,
	             "no such option; there are console=, telemetry=, tables=, crash=, batch");
}

static void parse_command_line(struct config_parser *p)
{
	struct words words = { p->info->command_line, 0 };
	struct word word;

	p->line = CONFIG_COMMAND_LINE;
	while (words_next(&words, &word))
		parse_option(p, word);
	if (p->config->console != PORT_NONE && p->config->console == p->config->telemetry)
		config_error(p, word, "console= and telemetry= want the same port");
}

/* --- one line for each module --- */

static void parse_program(struct config_parser *p, struct words *words, struct word kind,
                          u32 *module)
{
	struct word word;

	if (*module != MODULE_NONE)
		config_error(p, kind, "there is such a line already: module %u", *module + 1);
	*module = p->line;
	if (words_next(words, &word))
		config_error(p, word, "nothing may stand behind the word %.*s", (int)kind.length,
		             kind.text);
}

static struct vm_plan *find_vm(struct config *c, struct word name)
{
	for (u32 i = 0; i < c->vms; i++)
		if (word_is(name, c->vm[i].config.name))
			return &c->vm[i];
	return NULL;
}

/* The VM's slot for this file: the first is the initrd's. NULL: none is free, which is told. */
static u32 *find_slot(struct config_parser *p, struct vm_plan *plan, struct word name, bool initrd)
{
	u32 *slot = plan->config.module;

	if (initrd && slot[0] != MODULE_NONE)
		config_error(p, name, "this VM has an initrd already: module %u", slot[0] + 1);
	if (initrd)
		return slot[0] == MODULE_NONE ? slot : NULL;
	for (u32 i = 1; i < VM_MODULES; i++)
		if (slot[i] == MODULE_NONE)
			return &slot[i];
	config_error(p, name, "this VM has %u modules already", VM_MODULES - 1);
	return NULL;
}

/* What stands behind the name: nothing, or `--` and what the guest is told with the file. */
static void parse_module_args(struct config_parser *p, struct words *words, char *args)
{
	struct word word;
	const char *rest;

	if (!words_next(words, &word))
		return;
	if (!word_is(word, "--")) {
		config_error(p, word, "nothing but -- and the module's arguments may stand here");
		return;
	}
	rest = words_rest(words);
	if (strlen(rest) >= MODULE_ARGS_LEN)
		config_error(p, word, "more than %u characters of arguments", MODULE_ARGS_LEN - 1);
	else
		memcpy(args, rest, strlen(rest) + 1);
}

/*
 * `initrd name=VM`, `module name=VM`: VMs that stand behind it count too, so this runs after all
 * `vm` lines.
 */
static void parse_file(struct config_parser *p, struct words *words, struct word kind)
{
	struct word word = kind, key, name;
	struct vm_plan *plan;
	u32 *slot;

	if (!words_next(words, &word) || !word_split(word, '=', &key, &name) ||
	    !word_is(key, "name")) {
		config_error(p, word, "such a line reads: %.*s name=VM", (int)kind.length,
		             kind.text);
		return;
	}
	plan = find_vm(p->config, name);
	if (plan == NULL) {
		config_error(p, name, "no vm line has this name");
		return;
	}
	if (p->info->module[p->line].size == 0)
		config_error(p, kind, "the file is empty");
	slot = find_slot(p, plan, name, word_is(kind, "initrd"));
	if (slot == NULL)
		return;
	*slot = p->line;
	parse_module_args(p, words, plan->config.module_args[slot - plan->config.module]);
}

static void parse_line(struct config_parser *p, bool files)
{
	struct words words = { p->info->module[p->line].string, 0 };
	struct word kind = { words.line, 0, 0 };
	bool is_file;

	(void)words_next(&words, &kind);
	is_file = word_is(kind, "initrd") || word_is(kind, "module");
	if (files || is_file) {
		if (files && is_file)
			parse_file(p, &words, kind);
	} else if (word_is(kind, "root")) {
		parse_program(p, &words, kind, &p->config->root_module);
	} else if (word_is(kind, "monitor")) {
		parse_program(p, &words, kind, &p->config->monitor_module);
	} else if (word_is(kind, "vm")) {
		config_parse_vm(p, &words, kind);
	} else {
		config_error(p, kind, "a module is one of: root, monitor, vm, initrd, module");
	}
}

/* --- what no single line shows --- */

/* Following after= from any VM leads to one that starts at once, in fewer steps than there are VMs.
 */
static bool is_circular(const struct config *c, const struct vm_plan *plan)
{
	u32 steps = 0;

	while (plan != NULL && steps <= c->vms) {
		plan = plan->after_vm;
		steps++;
	}
	return plan != NULL;
}

static void check_after(struct config_parser *p)
{
	struct config *c = p->config;

	for (u32 i = 0; i < c->vms; i++) {
		struct vm_plan *plan = &c->vm[i];

		if (plan->after.length == 0)
			continue;
		p->line = plan->config.image_module;
		plan->after_vm = find_vm(c, plan->after);
		if (plan->after_vm == NULL)
			config_error(p, plan->after, "no vm line has this name");
		else if (is_circular(c, plan))
			config_error(p, plan->after, "these VMs wait for each other in a circle");
	}
}

static void check_memory(struct config_parser *p)
{
	u64 sum = 0;

	for (u32 i = 0; i < p->config->vms; i++)
		sum += p->config->vm[i].config.memory;
	if (sum > p->info->memory_free)
		config_error(p, (struct word){ "", 0, 0 },
		             "the VMs ask for %llu MiB of memory, %llu MiB are free",
		             (unsigned long long)(sum >> 20),
		             (unsigned long long)(p->info->memory_free >> 20));
}

static void check_whole(struct config_parser *p)
{
	const struct word nowhere = { "", 0, 0 };
	struct config *c = p->config;

	p->line = CONFIG_NO_LINE;
	if (c->vms == 0 && c->errors == 0)
		config_error(p, nowhere, "there is no VM: no module2 line with the word vm");
	if (c->vms > 0 && c->monitor_module == MODULE_NONE)
		config_error(p, nowhere,
		             "the monitor is missing: "
		             "module2 /boot/monitor.elf monitor");
	check_memory(p);
	for (u32 i = 0; i < c->vms; i++)
		c->vm[i].config.monitor_module = c->monitor_module;
}

/* As one reads: the hypervisor's line, the modules' lines, then what no line shows. */
static bool is_before(const struct config_error *a, const struct config_error *b)
{
	u32 line_a = a->line == CONFIG_COMMAND_LINE ? 0 : MIN(a->line, MAX_MODULES) + 1;
	u32 line_b = b->line == CONFIG_COMMAND_LINE ? 0 : MIN(b->line, MAX_MODULES) + 1;

	return line_a != line_b ? line_a < line_b : a->column < b->column;
}

/* Some mistakes show only when other lines are known, and are found late. */
static void sort_errors(struct config *c)
{
	u32 kept = MIN(c->errors, CONFIG_ERRORS);

	for (u32 i = 1; i < kept; i++) {
		struct config_error e = c->error[i];
		u32 to = i;

		for (; to > 0 && is_before(&e, &c->error[to - 1]); to--)
			c->error[to] = c->error[to - 1];
		c->error[to] = e;
	}
}

void config_parse(const struct root_info *info, struct config *config)
{
	struct config_parser p = { info, config, 0 };
	u32 modules = MIN(info->modules, MAX_MODULES);

	memset(config, 0, sizeof(*config));
	config->console = PORT_COM1;
	config->tables = 1;
	config->root_module = MODULE_NONE;
	config->monitor_module = MODULE_NONE;
	parse_command_line(&p);
	for (p.line = 0; p.line < modules; p.line++)
		parse_line(&p, false);
	for (p.line = 0; p.line < modules; p.line++)
		parse_line(&p, true);
	check_after(&p);
	check_whole(&p);
	sort_errors(config);
}
