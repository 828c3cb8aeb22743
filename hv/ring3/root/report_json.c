/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/report.h"

#include "hv/abi/names.h"
#include "hv/ring3/root/json.h"

/* Buckets up to the last that is not 0. */
static void array(struct out *out, const char *name, const u64 *values, u32 n)
{
	while (n > 0 && values[n - 1] == 0)
		n--;
	out_print(out, ",\"%s\":[", name);
	for (u32 i = 0; i < n; i++)
		out_print(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)values[i]);
	out_text(out, "]");
}

static void exit_line(const struct report_vm *vm, u32 reason, struct out *out)
{
	struct exit_counter e = total_exit(vm, reason);

	if (e.count == 0)
		return;
	json_begin(out, "exit");
	json_text(out, "vm", vm->name);
	json_text(out, "reason", exit_reason_name(reason));
	json_number(out, "count", e.count);
	json_number(out, "ticks", e.ticks);
	json_number(out, "min", e.min);
	json_number(out, "max", e.max);
	array(out, "hist", e.hist, HIST_BUCKETS);
	json_end(out);
}

static void modes(struct out *out, const struct ipi_counter *c)
{
	const char *comma = "";

	out_text(out, ",\"modes\":{");
	for (u32 mode = 0; mode < ARRAY_SIZE(c->mode); mode++) {
		if (c->mode[mode] == 0)
			continue;
		out_print(out, "%s\"%s\":%llu", comma, delivery_mode_name(mode),
		          (unsigned long long)c->mode[mode]);
		comma = ",";
	}
	out_text(out, "}");
}

static void ipi_line(const struct report_vm *vm, u32 path, struct out *out)
{
	struct ipi_counter c = total_ipi(vm, path);

	if (c.sends == 0 && c.requested == 0)
		return;
	json_begin(out, "ipi");
	json_text(out, "vm", vm->name);
	json_text(out, "path", ipi_path_name(path));
	json_number(out, "sends", c.sends);
	json_number(out, "requested", c.requested);
	json_number(out, "posted", c.posted);
	json_number(out, "coalesced", c.coalesced);
	json_number(out, "dropped", c.dropped);
	json_number(out, "kicks", c.kicks);
	json_number(out, "kicks_avoided", c.kicks_avoided);
	modes(out, &c);
	array(out, "fanout", c.fanout, FANOUT_BUCKETS);
	json_end(out);
}

static void blame_line(const struct report *r, const struct report_vm *vm, u32 culprit, u32 cause,
                       struct out *out)
{
	u64 ticks = total_blame(vm, culprit, cause);

	if (ticks == 0)
		return;
	json_begin(out, "blame");
	json_text(out, "victim", vm->name);
	json_text(out, "culprit", r->culprit[culprit]);
	json_text(out, "cause", blame_cause_name(cause));
	json_number(out, "ticks", ticks);
	json_end(out);
}

static void time_line(const char *name, const struct vcpu_counters *c, struct out *out)
{
	json_begin(out, "time");
	json_text(out, "vm", name);
	json_number(out, "vcpu", c->vcpu);
	json_number(out, "core", c->core);
	json_number(out, "ticks", c->now - c->created);
	json_number(out, "wakes", c->count[COUNT_WAKE]);
	for (u32 time = 0; time < VCPU_TIMES; time++)
		json_number(out, vcpu_time_name(time), c->time[time]);
	json_end(out);
}

static void event_line(const struct report_vm *vm, struct out *out)
{
	json_begin(out, "events");
	json_text(out, "vm", vm->name);
	for (u32 event = 0; event < VCPU_COUNTS; event++)
		json_number(out, vcpu_count_name(event), total_event(vm, event));
	json_end(out);
}

void report_vm_lines(const struct report *r, const struct report_vm *vm, struct out *out)
{
	for (u32 reason = 0; reason < EXIT_REASONS; reason++)
		exit_line(vm, reason, out);
	for (u32 path = 0; path < IPI_PATHS; path++)
		ipi_line(vm, path, out);
	for (u32 culprit = 0; culprit < MAX_VMS; culprit++)
		for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
			blame_line(r, vm, culprit, cause, out);
	for (u32 vcpu = 0; vcpu < vm->vcpus; vcpu++)
		time_line(vm->name, report_vcpu(vm, vcpu), out);
	event_line(vm, out);
	report_refused_lines(vm, out);
}

void report_core_lines(const struct report *r, struct out *out)
{
	if (r->host != NULL)
		time_line(r->culprit[ROOT_VM], r->host, out);
	for (u32 core = 0; core < r->cores; core++) {
		struct core_times t = total_core(r, core);

		json_begin(out, "core");
		json_number(out, "core", core);
		json_number(out, "ticks", t.wall);
		json_number(out, "idle", t.idle);
		json_number(out, "vms", t.vms);
		json_number(out, "host", t.host);
		json_number(out, "kicks", report_core(r, core)->kicks_received);
		json_number(out, "timers", report_core(r, core)->timer_interrupts);
		json_number(out, "nmis", report_core(r, core)->nmis);
		report_stretch_member(r, core, out);
		json_end(out);
	}
}
