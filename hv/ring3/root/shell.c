/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* What is typed at the prompt: commands, and their completion. */
#include "hv/ring3/root/root.h"

#include "hv/abi/names.h"
#include "hv/ring3/root/shell.h"
#include "hv/ring3/root/text.h"

void shell_focus(struct root *r, struct slot *s)
{
	if (s != NULL) {
		console_say(&r->console, "vm %s has the terminal; ^T leads back", slot_name(s));
		r->last_focus = s->id;
	}
	console_focus(&r->console, s != NULL ? s->id : NO_FOCUS);
}

/* ^T at the prompt: to the VM that had the terminal last, or the first that runs. */
static void switch_focus(struct root *r)
{
	struct slot *s = slot_by_id(r, r->last_focus);

	for (u32 i = 0; i < r->slots && (s == NULL || s->state != SLOT_RUNNING); i++)
		s = &r->slot[i];
	if (s != NULL && s->state == SLOT_RUNNING)
		shell_focus(r, s);
}

/* --- commands --- */

static const char *const arguments[] = {
	[SHELL_NONE] = "",
	[SHELL_MAYBE_VM] = "[VM]",
	[SHELL_VM] = "VM",
	[SHELL_VM_VCPU] = "VM [vCPU]",
};

static void help(struct root *r, struct slot *s)
{
	(void)s;
	for (u32 i = 0; i < shell_command_count; i++) {
		const struct shell_command *c = &shell_commands[i];

		text_left(&r->console.out, c->name, 11);
		text_left(&r->console.out, arguments[c->argument], 10);
		out_print(&r->console.out, "%s\n", c->text);
	}
}

/* Of a VM that does not run, or never will by itself. */
static void why(struct root *r, const struct slot *s, struct out *out)
{
	if (s->state == SLOT_RUNNING &&
	    sys_query(&r->machine->sys, QUERY_VM_STATE, s->id) == VM_HALTED)
		out_text(out, "halted, interrupts off");
	if (s->state == SLOT_CREATED && s->plan->after_vm != NULL)
		out_print(out, "after %s", s->plan->after_vm->config.name);
	if (s->state != SLOT_ENDED)
		return;
	out_text(out, vm_end_name(s->end));
	if (s->end == END_DEBUG_EXIT)
		out_print(out, " %llu", (unsigned long long)s->value);
}

static void vms(struct root *r, struct slot *only)
{
	struct out *out = &r->console.out;

	(void)only;
	out_text(out, "VM               id state     vCPUs   memory  why\n");
	for (u32 i = 0; i < r->slots; i++) {
		const struct slot *s = &r->slot[i];

		text_left(out, slot_name(s), VM_NAME_LEN);
		out_print(out, "%3u ", s->id);
		text_left(out, slot_state_name(s), 9);
		out_print(out, "%6u %7lluM  ", s->plan->config.vcpus,
		          (unsigned long long)(s->plan->config.memory >> 20));
		why(r, s, out);
		out_text(out, "\n");
	}
	for (u32 i = 0; i < r->slots; i++) {
		struct report_vm vm;

		if (!slot_is_mapped(&r->slot[i]))
			continue;
		final_view_vm(r, &r->slot[i], &vm);
		report_refused(&vm, out);
	}
}

/* The VM in the report that a slot stands for; NULL: all of them. */
static const struct report_vm *in_report(const struct report *report, const struct slot *s)
{
	for (u32 i = 0; s != NULL && i < report->vms; i++)
		if (report->vm[i].id == s->id)
			return &report->vm[i];
	return NULL;
}

static void show(struct root *r, struct slot *s,
                 void (*table)(const struct report *, const struct report_vm *, struct out *))
{
	struct report report;

	final_view(r, &report);
	table(&report, in_report(&report, s), &r->console.out);
}

static void exits(struct root *r, struct slot *s)
{
	show(r, s, report_exits);
}

static void ipi(struct root *r, struct slot *s)
{
	show(r, s, report_ipis);
}

static void events(struct root *r, struct slot *s)
{
	show(r, s, report_events);
}

static void blame(struct root *r, struct slot *s)
{
	struct report report;

	(void)s;
	final_view(r, &report);
	report_blame(&report, &r->console.out);
}

static void times(struct root *r, struct slot *s)
{
	struct report report;

	(void)s;
	final_view(r, &report);
	report_times(&report, &r->console.out);
	report_cores(&report, &r->console.out);
	report_stretches(&report, &r->console.out);
}

static void top(struct root *r, struct slot *s)
{
	(void)s;
	top_begin(&r->top, r->machine->sys.now());
	r->console.hold = true;
}

void shell_end_top(struct root *r)
{
	if (!r->top.active)
		return;
	r->top.active = false;
	r->console.hold = false;
	r->console.busy = false;
	console_begin(&r->console);
	console_end(&r->console);
}

static void tell(struct root *r, const struct slot *s, s64 error)
{
	if (error == SYS_EBUSY)
		out_print(&r->console.out, "not possible: vm %s %s\n", slot_name(s),
		          slot_state_text(s));
	else if (error < 0)
		out_print(&r->console.out, "not possible: %s\n", vms_error_text(error));
}

static void pause(struct root *r, struct slot *s)
{
	tell(r, s, vms_pause(r, s, true));
}

static void resume(struct root *r, struct slot *s)
{
	tell(r, s, vms_pause(r, s, false));
}

static void stop(struct root *r, struct slot *s)
{
	tell(r, s, vms_stop(r, s));
}

static void reset(struct root *r, struct slot *s)
{
	tell(r, s, vms_reset(r, s));
}

static void focus(struct root *r, struct slot *s)
{
	if (s->state == SLOT_RUNNING || s->state == SLOT_PAUSED)
		shell_focus(r, s);
	else
		tell(r, s, SYS_EBUSY);
}

/* The key that is to follow goes to the VM, so it gets the terminal. */
static void send_break(struct root *r, struct slot *s)
{
	if (slot_is_mapped(s))
		pump_break(r, s);
	focus(r, s);
}

static void regs(struct root *r, struct slot *s)
{
	if (s->state == SLOT_RUNNING || s->state == SLOT_PAUSED)
		sample_regs(r, s, r->vcpu_given);
	else
		tell(r, s, SYS_EBUSY);
}

static void where(struct root *r, struct slot *s)
{
	if (s == NULL || s->state == SLOT_RUNNING || s->state == SLOT_PAUSED)
		sample_where(r, s);
	else
		tell(r, s, SYS_EBUSY);
}

static void trace(struct root *r, struct slot *s)
{
	struct report report;

	(void)s;
	final_view(r, &report);
	report_trace(&report, &r->console.out);
}

static void report(struct root *r, struct slot *s)
{
	(void)s;
	final_tables(r, &r->console.out);
}

static void power_off(struct root *r, struct slot *s)
{
	(void)s;
	final_order(r, POWER_OFF);
}

static void reboot(struct root *r, struct slot *s)
{
	(void)s;
	final_order(r, POWER_REBOOT);
}

const struct shell_command shell_commands[] = {
	{ "help", SHELL_NONE, "this list", help },
	{ "vms", SHELL_NONE, "the VMs and what they are doing", vms },
	{ "top", SHELL_NONE, "shares of time, exits and IPIs a second, until a key is pressed",
	  top },
	{ "exits", SHELL_MAYBE_VM, "exits by reason", exits },
	{ "ipi", SHELL_MAYBE_VM, "IPIs by path", ipi },
	{ "events", SHELL_MAYBE_VM, "everything else that is counted", events },
	{ "blame", SHELL_NONE, "who took time from whom, and by what", blame },
	{ "times", SHELL_NONE, "where the time of vCPUs and cores went", times },
	{ "regs", SHELL_VM_VCPU, "everything about a vCPU, the first if none is named", regs },
	{ "where", SHELL_MAYBE_VM, "where its vCPUs are, by 16 looks at each", where },
	{ "trace", SHELL_NONE, "the last exits of each core", trace },
	{ "report", SHELL_NONE, "all tables", report },
	{ "focus", SHELL_VM, "give the VM the terminal; ^T leads back", focus },
	{ "break", SHELL_VM, "a break on its serial line, and the terminal: SysRq to Linux",
	  send_break },
	{ "pause", SHELL_VM, "let it stand still", pause },
	{ "resume", SHELL_VM, "let it go on", resume },
	{ "stop", SHELL_VM, "end it; its counters stay", stop },
	{ "reset", SHELL_VM, "make it anew, also when it has ended; start it, if it waits", reset },
	{ "power-off", SHELL_NONE, "tables, verdict, and the machine is off", power_off },
	{ "reboot", SHELL_NONE, "tables, verdict, and the machine starts again", reboot },
};
const u32 shell_command_count = ARRAY_SIZE(shell_commands);

/* --- a line --- */

const struct shell_command *shell_find(struct word name)
{
	for (u32 i = 0; i < shell_command_count; i++)
		if (word_is(name, shell_commands[i].name))
			return &shell_commands[i];
	return NULL;
}

/* The vCPU behind the VM's name, or the first. False: it has none of that number, which is told. */
static bool take_vcpu(struct root *r, const struct slot *s, struct words *words)
{
	struct word word;
	u64 number = 0;

	if (words_next(words, &word) &&
	    (!word_number(word, &number) || number >= s->plan->config.vcpus)) {
		out_print(&r->console.out, "there is no vCPU %.*s: %s has 0 to %u\n",
		          (int)word.length, word.text, slot_name(s), s->plan->config.vcpus - 1);
		return false;
	}
	r->vcpu_given = (u32)number;
	return true;
}

static void run(struct root *r, const struct shell_command *c, struct words *words)
{
	struct word word, more;
	struct slot *s = NULL;
	bool given = words_next(words, &word);

	if (given && c->argument == SHELL_NONE) {
		out_print(&r->console.out, "%s stands alone\n", c->name);
		return;
	}
	if (given)
		s = slot_find(r, word);
	if (s != NULL && c->argument == SHELL_VM_VCPU && !take_vcpu(r, s, words))
		return;
	if (words_next(words, &more))
		out_print(&r->console.out, "%s takes one name\n", c->name);
	else if (given && s == NULL)
		out_print(&r->console.out, "there is no VM %.*s\n", (int)word.length, word.text);
	else if (!given && c->argument >= SHELL_VM)
		out_print(&r->console.out, "%s wants the name of a VM\n", c->name);
	else
		c->run(r, s);
}

static void run_line(struct root *r)
{
	struct words words = { r->console.edit.text, 0 };
	const struct shell_command *c;
	struct word word;

	if (!words_next(&words, &word))
		return;
	c = shell_find(word);
	if (c == NULL)
		out_print(&r->console.out, "there is no command %.*s; help lists them\n",
		          (int)word.length, word.text);
	else
		run(r, c, &words);
}

/* The prompt's line has ended: the cursor is at the left margin. */
static void line_done(struct root *r, bool wanted)
{
	struct console *c = &r->console;

	c->bottom = false;
	c->dirty = false;
	c->busy = true;
	edit_remember(&c->edit);
	terminal_pages(&r->terminal);
	if (wanted && c->torn) /* what is left may be another order, or another VM's name */
		out_text(&c->out, "characters of this line were lost: it is not carried out\n");
	else if (wanted)
		run_line(r);
	terminal_pages_end(&r->terminal, &r->terminal_queue);
	c->torn = false;
	edit_clear(&c->edit);
	c->busy = r->top.active;
	console_end(c);
}

void shell_key(struct root *r, u8 key)
{
	struct edit *edit = &r->console.edit;

	if (r->top.active) {
		if (key == ' ')
			top_turn(&r->top, r->machine->sys.now());
		else
			shell_end_top(r);
		return;
	}
	switch (edit_key(edit, key, &r->terminal_queue.out)) {
	case EDIT_LINE:
		line_done(r, true);
		break;
	case EDIT_CANCEL:
		line_done(r, false);
		break;
	case EDIT_TAB:
		shell_complete(r);
		break;
	case EDIT_SWITCH:
		switch_focus(r);
		break;
	case EDIT_NOTHING:
		break;
	}
}
