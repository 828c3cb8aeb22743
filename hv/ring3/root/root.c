/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/root.h"

#include "hv/base/atomic.h"
#include "hv/base/string.h"
#include "hv/ring3/root/json.h"

/* How often VMs are looked after without an event, as long as there is a reason to wake at all. */
#define ROUNDS_PER_SECOND 50u

/*
 * How often the terminal is looked at: the port keeps 16 characters, which come in a 720th of a
 * second when they are pasted. A person's first key may take longer to be seen.
 */
#define LOOKS_PER_SECOND 100u

static u64 hz(const struct root *r)
{
	return r->machine->info->process.tsc_hz;
}

static void tell_machine(struct root *r)
{
	const struct root_info *info = r->machine->info;
	struct out *line = &r->lines_queue.out;
	bool emulated = (info->machine & MACHINE_EMULATED) != 0;

	json_begin(line, "machine");
	json_number(line, "cores", info->cores);
	json_number(line, "tsc_hz", info->process.tsc_hz);
	json_text(line, "unit", emulated ? "ticks" : "cycles");
	json_bool(line, "emulated", emulated);
	json_bool(line, "nested", (info->machine & MACHINE_NESTED) != 0);
	json_number(line, "memory_free", info->memory_free);
	json_end(line);
	console_say(&r->console, "%u core%s, %llu MiB free; %s", info->cores,
	            info->cores == 1 ? "" : "s", (unsigned long long)(info->memory_free >> 20),
	            emulated ? "a tick is an instruction, in Bochs" : "time is in cycles");
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
	console_init(&r->console, &r->terminal_queue, &r->held,
	             (r->config.console != PORT_NONE || r->config.screen != 0) &&
	                     r->config.batch == 0);
	r->telemetry.out = &r->lines_queue.out;
	r->complete = true;
	memcpy(r->culprit[ROOT_VM], "host", 5);
}

/* What is asked for and will not be done, though it is no mistake. */
static void warn(struct root *r)
{
	for (u32 i = 0; i < r->config.vms; i++)
		if (r->config.vm[i].config.budget != 0)
			console_say(&r->console, "vm %s: budget= has no effect yet",
			            r->config.vm[i].config.name);
}

void root_start(struct root *r, const struct root_machine *machine)
{
	init(r, machine);
	tell_machine(r);
	if (r->config.errors > 0) {
		refuse(r);
		return;
	}
	warn(r);
	r->slots = r->config.vms;
	for (u32 i = 0; i < r->slots; i++)
		r->slot[i] = (struct slot){ .plan = &r->config.vm[i] };
	vms_create_all(r);
	if (r->console.interactive && r->console.focus == NO_FOCUS)
		console_say(&r->console, "help lists the commands; ^T leads to a VM and back");
}

/* Nobody can type, or nobody is expected to. */
static bool is_deaf(const struct root *r)
{
	return r->config.batch != 0 && r->console.focus == NO_FOCUS && !r->console.interactive;
}

/* For how long there is nothing to do; 0: until something happens. */
static u64 patience(struct root *r, bool sending)
{
	bool typing = r->machine->sys.now() < r->typing_until;

	if (r->sampler.active)
		return hz(r) / LOOKS_PER_SECOND + 1;
	if (sending || typing)
		return hz(r) / SERIAL_BURSTS_PER_SECOND + 1;
	return is_deaf(r) ? 0 : hz(r) / LOOKS_PER_SECOND + 1;
}

static void refresh_top(struct root *r)
{
	u64 now = r->machine->sys.now();
	struct report report;

	if (!r->top.active || now < r->top.next || !pump_may_draw(r))
		return;
	final_view(r, &report);
	top_draw(&r->top, &report, now, hz(r), &r->console.screen);
}

/* NMIs of the machine's own: its memory, its watchdog, its button. Ring 0 only counts them. */
static void tell_nmis(struct root *r)
{
	for (u32 i = 0; i < r->machine->info->cores; i++) {
		const struct core_counters *c = (const void *)(r->machine->cores + i * PAGE_SIZE);
		u64 nmis = atomic_load_relaxed(&c->nmis);

		if (nmis != r->nmis_told[i])
			console_say(&r->console, "core %u: %llu NMI%s of the machine's", i,
			            (unsigned long long)(nmis - r->nmis_told[i]),
			            nmis - r->nmis_told[i] == 1 ? "" : "s");
		r->nmis_told[i] = nmis;
	}
}

/*
 * What VMs write is looked at so many times a second and no more, however often a monitor says that
 * there is something: its VM's cores are not root's.
 */
static void pace_output(struct root *r, u64 ticks)
{
	u64 now = r->machine->sys.now();
	u64 left = r->next_round > now ? r->next_round - now : 0;

	if (left != 0)
		sys_sleep(&r->machine->sys, ticks != 0 && ticks < left ? ticks : left);
}

/* A copy: what is done about the event may use the page it came in. */
static void next_event(struct root *r, u64 ticks)
{
	struct root_event event;

	r->news = sys_wait(&r->machine->sys, ticks);
	if (!r->news)
		return;
	event = *sys_event(&r->machine->sys);
	if (event.kind == ROOT_EVENT_OUTPUT)
		pace_output(r, ticks);
	vms_event(r, &event);
}

/* Between two looks at the serial ports nothing else is to be done, as a rule. */
static bool is_round_due(struct root *r)
{
	u64 now = r->machine->sys.now();

	if (!r->news && now < r->next_round)
		return false;
	r->next_round = now + hz(r) / ROUNDS_PER_SECOND;
	return true;
}

void root_step(struct root *r)
{
	bool sending;

	pump_input(r);
	if (is_round_due(r)) {
		tell_nmis(r);
		pump_vms(r);
		refresh_top(r);
	}
	sample_step(r);
	sending = pump_send(r);
	if (r->config.batch && slots_all_ended(r))
		final_order(r, POWER_OFF);
	if (final_is_due(r))
		final_power(r);
	else
		next_event(r, patience(r, sending));
}
