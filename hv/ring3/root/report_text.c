/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* Exits, IPIs and events of VMs. */
#include "hv/ring3/root/report.h"

#include "hv/abi/names.h"
#include "hv/ring3/root/text.h"

/* No table is wider than 100 columns. */
#define NAME_WIDTH   VM_NAME_LEN
#define REASON_WIDTH 22u
#define PATH_WIDTH   14u
#define IPI_WIDTH    10u

typedef void vm_rows(const struct report_vm *vm, struct out *out);

static void for_vms(const struct report *r, const struct report_vm *only, vm_rows *rows,
                    struct out *out)
{
	for (u32 i = 0; i < r->vms; i++)
		if (only == NULL || only == &r->vm[i])
			rows(&r->vm[i], out);
}

static void exit_row(const char *name, const char *reason, const struct exit_counter *e, u64 all,
                     struct out *out)
{
	text_left(out, name, NAME_WIDTH);
	text_left(out, reason, REASON_WIDTH);
	text_number(out, e->count, 12);
	text_number(out, e->ticks, 16);
	text_percent(out, e->ticks, all, 7);
	text_number(out, e->count != 0 ? e->ticks / e->count : 0, 8);
	text_number(out, e->min, 8);
	text_number(out, e->max, 9);
	out_text(out, "\n");
}

static void exit_rows(const struct report_vm *vm, struct out *out)
{
	struct exit_counter e, all = { .min = UINT64_MAX };

	for (u32 reason = 0; reason < EXIT_REASONS; reason++) {
		e = total_exit(vm, reason);
		if (e.count == 0)
			continue;
		all.count += e.count;
		all.ticks += e.ticks;
		all.min = MIN(all.min, e.min);
		all.max = MAX(all.max, e.max);
	}
	if (all.count == 0)
		return;
	for (u32 reason = 0; reason < EXIT_REASONS; reason++) {
		e = total_exit(vm, reason);
		if (e.count != 0)
			exit_row(vm->name, exit_reason_name(reason), &e, all.ticks, out);
	}
	exit_row(vm->name, "all", &all, all.ticks, out);
}

void report_exits(const struct report *r, const struct report_vm *vm, struct out *out)
{
	out_print(out, "Exits by VM and reason (%s from exit to entry)\n", r->unit);
	text_left(out, "VM", NAME_WIDTH);
	text_left(out, "reason", REASON_WIDTH);
	text_right(out, "count", 12);
	text_right(out, r->unit, 16);
	text_right(out, "share", 7);
	text_right(out, "mean", 8);
	text_right(out, "min", 8);
	text_right(out, "max", 9);
	out_text(out, "\n");
	for_vms(r, vm, exit_rows, out);
}

static void ipi_rows(const struct report_vm *vm, struct out *out)
{
	for (u32 path = 0; path < IPI_PATHS; path++) {
		struct ipi_counter c = total_ipi(vm, path);
		const u64 columns[] = { c.sends,   c.requested, c.posted,       c.coalesced,
			                c.dropped, c.kicks,     c.kicks_avoided };

		if (c.sends == 0 && c.requested == 0)
			continue;
		text_left(out, vm->name, NAME_WIDTH);
		text_left(out, ipi_path_name(path), PATH_WIDTH);
		for (u32 i = 0; i < ARRAY_SIZE(columns); i++)
			text_number(out, columns[i], IPI_WIDTH);
		out_text(out, "\n");
	}
}

void report_ipis(const struct report *r, const struct report_vm *vm, struct out *out)
{
	static const char *const heads[] = { "sends",   "requested", "posted", "coalesced",
		                             "dropped", "kicks",     "avoided" };

	out_text(out, "IPIs by path (targets: requested = posted + coalesced + dropped)\n");
	text_left(out, "VM", NAME_WIDTH);
	text_left(out, "path", PATH_WIDTH);
	for (u32 i = 0; i < ARRAY_SIZE(heads); i++)
		text_right(out, heads[i], IPI_WIDTH);
	out_text(out, "\n");
	for_vms(r, vm, ipi_rows, out);
}

static void event_rows(const struct report_vm *vm, struct out *out)
{
	for (u32 event = 0; event < VCPU_COUNTS; event++) {
		u64 count = total_event(vm, event);

		if (count == 0)
			continue;
		text_left(out, vm->name, NAME_WIDTH);
		text_left(out, vcpu_count_name(event), REASON_WIDTH);
		text_number(out, count, 14);
		out_text(out, "\n");
	}
}

void report_events(const struct report *r, const struct report_vm *vm, struct out *out)
{
	out_text(out, "Events\n");
	text_left(out, "VM", NAME_WIDTH);
	text_left(out, "event", REASON_WIDTH);
	text_right(out, "count", 14);
	out_text(out, "\n");
	for_vms(r, vm, event_rows, out);
}
