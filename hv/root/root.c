/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/root/root.h"

#include "hv/base/string.h"
#include "hv/root/json.h"

/* How often the terminal is looked at, and telemetry fetched, unless in batch mode. */
#define KEYS_PER_SECOND 50u

/* After so many bursts of sending root looks around, event or not. */
#define BURSTS_ALONE 8u

static u64 hz(const struct root *r)
{
	return r->machine->info->process.tsc_hz;
}

static void tell_machine(struct root *r)
{
	const struct root_info *info = r->machine->info;
	struct out *line = &r->com2_queue.out;
	struct report report;

	final_view(r, &report);
	json_begin(line, "machine");
	json_number(line, "cores", info->cores);
	json_number(line, "tsc_hz", info->process.tsc_hz);
	json_text(line, "unit", report.unit);
	json_bool(line, "emulated", (info->machine & MACHINE_EMULATED) != 0);
	json_bool(line, "nested", (info->machine & MACHINE_NESTED) != 0);
	json_number(line, "memory_free", info->memory_free);
	json_end(line);
	console_say(&r->console, "%u core%s, %llu MiB free; %s", info->cores,
	            info->cores == 1 ? "" : "s", (unsigned long long)(info->memory_free >> 20),
	            report.unit_text);
}

static void refuse(struct root *r)
{
	r->failures += r->config.errors;
	console_begin(&r->console);
	config_print_errors(&r->config, r->machine->info, &r->console.out);
	console_end(&r->console);
}

static void init(struct root *r, const struct root_machine *machine)
{
	r->machine = machine;
	config_parse(machine->info, &r->config);
	pump_init(r);
	console_init(&r->console, &r->com1_queue, r->config.console && !r->config.batch);
	r->telemetry.out = &r->com2_queue.out;
	r->complete = true;
	memcpy(r->culprit[HOST_VM], "host", 5);
}

void root_start(struct root *r, const struct root_machine *machine)
{
	init(r, machine);
	tell_machine(r);
	if (r->config.errors > 0) {
		refuse(r);
		return;
	}
	r->slots = r->config.vms;
	for (u32 i = 0; i < r->slots; i++)
		r->slot[i] = (struct slot){ .plan = &r->config.vm[i] };
	vms_create_all(r);
	if (r->console.interactive && r->console.focus == NO_FOCUS)
		console_say(&r->console, "help lists the commands; ^T leads to a VM and back");
}

/* For how long there is nothing to do; 0: until something happens. */
static u64 patience(struct root *r, bool sending)
{
	if (sending)
		return hz(r) / SERIAL_BURSTS_PER_SECOND + 1;
	return r->config.batch && r->console.focus == NO_FOCUS ? 0 : hz(r) / KEYS_PER_SECOND + 1;
}

static void refresh_top(struct root *r)
{
	u64 now = r->machine->sys.now();
	struct report report;

	if (!r->top.active || now < r->top.next)
		return;
	final_view(r, &report);
	top_draw(&r->top, &report, now, hz(r), &r->console.out);
}

/* A copy: what is done about the event may use the page it came in. */
static void next_event(struct root *r, u64 ticks)
{
	struct root_event event;

	r->news = sys_wait(&r->machine->sys, ticks);
	if (!r->news)
		return;
	event = *sys_event(&r->machine->sys);
	vms_event(r, &event);
}

/* Between two bursts of a long text nothing else is to be done, as a rule. */
static bool may_only_send(struct root *r)
{
	return !r->news && queue_used(&r->com1_queue) > 0 && ++r->bursts % BURSTS_ALONE != 0;
}

void root_step(struct root *r)
{
	bool sending;

	if (!may_only_send(r)) {
		pump_vms(r);
		pump_input(r);
		refresh_top(r);
	}
	sending = pump_send(r);
	if (r->config.batch && !r->finished && slots_all_ended(r))
		final_power(r, POWER_OFF);
	else
		next_event(r, patience(r, sending));
}
