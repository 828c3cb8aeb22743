/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* The last words: tables for people, lines for programs, the verdict. */
#include "hv/ring3/root/root.h"

#include "hv/base/string.h"
#include "hv/ring3/root/json.h"

#define FAILURES_TEXT 2048u

void final_view_vm(const struct root *r, const struct slot *s, struct report_vm *vm)
{
	*vm = (struct report_vm){
		.id = s->id,
		.vcpus = s->plan->config.vcpus,
		.end = s->end,
		.value = s->value,
		.counters = r->machine->counters + s->id * VM_COUNTERS_STRIDE,
	};
	memcpy(vm->name, s->plan->config.name, VM_NAME_LEN);
}

void final_view(const struct root *r, struct report *report)
{
	bool emulated = (r->machine->info->machine & MACHINE_EMULATED) != 0;

	*report = (struct report){
		.unit = emulated ? "ticks" : "cycles",
		.unit_text = emulated ? "ticks: instructions in Bochs, no hardware exit cost"
		                      : "cycles of the time-stamp counter",
		.host = (const struct vcpu_counters *)(const void *)r->machine->counters,
		.cores = MIN(r->machine->info->cores, MAX_CORES),
		.core_counters = r->machine->cores,
		.stretch_bound = emulated ? STRETCH_BOUND : 0,
		.complete = r->complete,
	};
	memcpy(report->culprit, r->culprit, sizeof(report->culprit));
	for (u32 i = 0; i < r->slots; i++)
		if (slot_is_mapped(&r->slot[i]))
			final_view_vm(r, &r->slot[i], &report->vm[report->vms++]);
}

/* Text of one failure a line: to people as it is, to programs as an array of strings. */
static void json_lines(struct out *out, const char *text)
{
	const char *comma = "";

	out_text(out, ",\"failures\":[");
	while (*text != 0) {
		size_t n = 0;

		while (text[n] != 0 && text[n] != '\n')
			n++;
		out_text(out, comma);
		json_string(out, text, n);
		comma = ",";
		text += n + (text[n] == '\n' ? 1 : 0);
	}
	out_text(out, "]");
}

/* Its counters go, and with them what the tables would say: the lines and the verdict come now. */
void final_retire(struct root *r, struct slot *s)
{
	struct report report;
	struct report_vm vm;
	u32 failed;

	final_view(r, &report);
	final_view_vm(r, s, &vm);
	report_vm_lines(&report, &vm, &r->lines_queue.out);
	vm.end = END_POWER_OFF; /* it is made anew: how it ended is no failure */
	console_begin(&r->console);
	failed = verdict_vm(&vm, &r->console.out);
	console_end(&r->console);
	r->failures += failed;
	r->complete = false;
}

void final_tables(struct root *r, struct out *out)
{
	struct report report;

	final_view(r, &report);
	out_print(out, "(%s)\n", report.unit_text);
	report_exits(&report, NULL, out);
	out_text(out, "\n");
	report_ipis(&report, NULL, out);
	out_text(out, "\n");
	report_blame(&report, out);
	out_text(out, "\n");
	report_times(&report, out);
	out_text(out, "\n");
	report_cores(&report, out);
	out_text(out, "\n");
	report_stretches(&report, out);
	out_text(out, "\n");
}

static u32 collect_failures(const struct root *r, const struct report *report, struct out *out)
{
	u32 failed = r->failures;

	if (failed > 0)
		out_print(out, "%u failure%s before, told when %s happened\n", failed,
		          failed == 1 ? "" : "s", failed == 1 ? "it" : "they");
	for (u32 i = 0; i < report->vms; i++)
		failed += verdict_vm(&report->vm[i], out);
	return failed + verdict_cores(report, out) + verdict_stretches(report, out);
}

static void tell_verdict(struct root *r, u32 failed, const char *failures)
{
	struct out *line = &r->lines_queue.out;

	out_text(&r->console.out, failures);
	out_print(&r->console.out, "tapvisor: verdict: %s\n", failed == 0 ? "ok" : "failed");
	json_begin(line, "verdict");
	json_bool(line, "ok", failed == 0);
	json_lines(line, failures);
	json_end(line);
}

void final_report(struct root *r)
{
	char text[FAILURES_TEXT];
	struct out_memory failures;
	struct report report;

	final_view(r, &report);
	console_begin(&r->console);
	if (report.vms > 0 && r->config.tables != 0)
		final_tables(r, &r->console.out);
	for (u32 i = 0; i < report.vms; i++)
		report_vm_lines(&report, &report.vm[i], &r->lines_queue.out);
	report_core_lines(&report, &r->lines_queue.out);
	out_memory_init(&failures, text, sizeof(text));
	tell_verdict(r, collect_failures(r, &report, &failures.out), text);
	console_end(&r->console);
}

/* How long VMs may take to stop, in seconds. */
#define LEAVE_PATIENCE 2u

void final_order(struct root *r, enum power_action action)
{
	if (r->leaving)
		return;
	r->leaving = true;
	r->action = action;
	r->console.interactive = false;
	r->leave_by = r->machine->sys.now() + LEAVE_PATIENCE * r->machine->info->process.tsc_hz;
	for (u32 i = 0; i < r->slots; i++)
		if (r->slot[i].state == SLOT_RUNNING || r->slot[i].state == SLOT_PAUSED)
			(void)!vms_stop(r, &r->slot[i]);
}

bool final_is_due(const struct root *r)
{
	return r->leaving && !r->finished &&
	       (slots_all_still(r) || r->machine->sys.now() >= r->leave_by);
}

void final_power(struct root *r)
{
	shell_end_top(r);
	while (queue_used(&r->held) > 0)
		console_release(&r->console);
	pump_vms(r);
	terminal_pages(&r->terminal);
	final_report(r);
	terminal_pages_end(&r->terminal, &r->terminal_queue);
	pump_flush(r);
	if (terminal_hold(&r->terminal,
	                  r->action == POWER_OFF ? "-- any key: off --" : "-- any key: reboot --"))
		pump_flush(r);
	sys_power(&r->machine->sys, r->action);
}
