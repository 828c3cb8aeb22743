/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Who had the time, who waited, and for whom. */
#include "hv/ring3/root/report.h"

#include "hv/abi/names.h"
#include "hv/base/bits.h"
#include "hv/base/string.h"
#include "hv/ring3/root/text.h"

/* No table is wider than 100 columns: of blame's culprits, so many stand side by side. */
#define NAME_WIDTH  (VM_NAME_LEN + 1)
#define TIME_WIDTH  16u
#define CAUSE_WIDTH 13u
#define CULPRITS    4u

static u64 vm_blames(const struct report_vm *vm, u32 culprit)
{
	u64 sum = 0;

	for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
		sum += total_blame(vm, culprit, cause);
	return sum;
}

/* Is the VM a culprit of anybody's? */
static bool is_culprit(const struct report *r, u32 id)
{
	for (u32 i = 0; i < r->vms; i++)
		if (vm_blames(&r->vm[i], id) != 0)
			return true;
	return false;
}

/* VMs side by side in a part of the table. */
struct culprits {
	u32 id[CULPRITS];
	u32 count;
	u32 next; /* the id where the next part begins; MAX_VMS: this is the last */
};

static void next_culprits(const struct report *r, struct culprits *part)
{
	u32 id = part->next;

	part->count = 0;
	for (; id < MAX_VMS; id++) {
		if (!is_culprit(r, id))
			continue;
		if (part->count == CULPRITS)
			break;
		part->id[part->count++] = id;
	}
	part->next = id;
}

static void blame_row(const struct report_vm *vm, const struct culprits *part, struct out *out)
{
	u64 steal = total_time(vm, TIME_READY) + total_time(vm, TIME_TAKEN);

	text_left(out, vm->name, NAME_WIDTH);
	for (u32 i = 0; i < part->count; i++)
		text_number(out, vm_blames(vm, part->id[i]), TIME_WIDTH);
	if (part->next == MAX_VMS)
		text_number(out, steal, TIME_WIDTH);
	out_text(out, "\n");
}

static void blame_part(const struct report *r, const struct culprits *part, struct out *out)
{
	text_left(out, "victim", NAME_WIDTH);
	for (u32 i = 0; i < part->count; i++)
		text_right(out, r->culprit[part->id[i]], TIME_WIDTH);
	if (part->next == MAX_VMS)
		text_right(out, "all (steal)", TIME_WIDTH);
	out_text(out, "\n");
	for (u32 i = 0; i < r->vms; i++)
		blame_row(&r->vm[i], part, out);
}

static void cause_rows(const struct report *r, const struct report_vm *vm, struct out *out)
{
	for (u32 id = 0; id < MAX_VMS; id++) {
		if (vm_blames(vm, id) == 0)
			continue;
		text_left(out, vm->name, NAME_WIDTH);
		text_left(out, r->culprit[id], NAME_WIDTH);
		for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
			text_number(out, total_blame(vm, id, cause), CAUSE_WIDTH);
		out_text(out, "\n");
	}
}

void report_blame(const struct report *r, struct out *out)
{
	struct culprits part = { 0 };

	out_print(out, "Blame (%s that a VM was ready and could not run, by who had the core)\n",
	          r->unit);
	do {
		next_culprits(r, &part);
		blame_part(r, &part, out);
	} while (part.next < MAX_VMS);
	out_text(out, "the same by cause\n");
	text_left(out, "victim", NAME_WIDTH);
	text_left(out, "culprit", NAME_WIDTH);
	for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
		text_right(out, blame_cause_name(cause), CAUSE_WIDTH);
	out_text(out, "\n");
	for (u32 i = 0; i < r->vms; i++)
		cause_rows(r, &r->vm[i], out);
}

static void time_row(const char *name, const struct vcpu_counters *c, struct out *out)
{
	u64 all = c->now - c->created;

	text_left(out, name, NAME_WIDTH);
	out_print(out, "%5u %5u", c->vcpu, c->core);
	text_number(out, all, TIME_WIDTH);
	for (u32 time = 0; time < VCPU_TIMES; time++)
		text_percent(out, c->time[time], all, 9);
	out_text(out, "\n");
}

void report_times(const struct report *r, struct out *out)
{
	out_print(out, "Time of vCPUs (%s)\n", r->unit);
	text_left(out, "VM", NAME_WIDTH);
	text_right(out, "vCPU", 5);
	text_right(out, "core", 6);
	text_right(out, "all", TIME_WIDTH);
	for (u32 time = 0; time < VCPU_TIMES; time++)
		text_right(out, vcpu_time_name(time), 9);
	out_text(out, "\n");
	for (u32 i = 0; i < r->vms; i++)
		for (u32 vcpu = 0; vcpu < r->vm[i].vcpus; vcpu++)
			time_row(r->vm[i].name, report_vcpu(&r->vm[i], vcpu), out);
	if (r->host != NULL)
		time_row("host", r->host, out);
}

void report_cores(const struct report *r, struct out *out)
{
	out_print(out, "Time of cores (%s)\n", r->unit);
	text_right(out, "core", 5);
	text_right(out, "all", 18);
	text_right(out, "idle", 9);
	text_right(out, "VMs", 9);
	text_right(out, "host", 9);
	text_right(out, "kicks", 12);
	text_right(out, "timers", 12);
	out_text(out, "\n");
	for (u32 core = 0; core < r->cores; core++) {
		const struct core_counters *c = report_core(r, core);
		struct core_times t = total_core(r, core);

		out_print(out, "%5u", core);
		text_number(out, t.wall, 18);
		text_percent(out, t.idle, t.wall, 9);
		text_percent(out, t.vms, t.wall, 9);
		text_percent(out, t.host, t.wall, 9);
		text_number(out, c->kicks_received, 12);
		text_number(out, c->timer_interrupts, 12);
		out_text(out, "\n");
	}
}
