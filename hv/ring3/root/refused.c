/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* What VMs asked for in vain: the rows of their vCPUs as one list, in the order of time. */
#include "hv/ring3/root/report.h"

#include "hv/abi/names.h"
#include "hv/base/bits.h"
#include "hv/ring3/root/json.h"
#include "hv/ring3/root/refused_names.h"
#include "hv/ring3/root/text.h"

static const struct refusal *row_of(const struct report_vm *vm, u32 n)
{
	return &report_vcpu(vm, n / REFUSALS)->refusal[n % REFUSALS];
}

static bool is_same(const struct refusal *a, const struct refusal *b)
{
	return a->event == b->event && a->what == b->what;
}

static bool is_taken(const struct refusal *list, u32 n, const struct refusal *row)
{
	for (u32 i = 0; i < n; i++)
		if (is_same(&list[i], row))
			return true;
	return false;
}

/* The earliest of all vCPUs' rows that the list does not have; NULL: none is left. */
static const struct refusal *next(const struct report_vm *vm, const struct refusal *list, u32 n)
{
	const struct refusal *first = NULL;

	for (u32 i = 0; i < vm->vcpus * REFUSALS; i++) {
		const struct refusal *row = row_of(vm, i);

		if (row->count != 0 && (first == NULL || row->when < first->when) &&
		    !is_taken(list, n, row))
			first = row;
	}
	return first;
}

u32 report_refusals(const struct report_vm *vm, struct refusal list[REFUSALS])
{
	const struct refusal *row;
	u32 n = 0;

	while (n < REFUSALS && (row = next(vm, list, n)) != NULL) {
		list[n] = *row;
		list[n].count = 0;
		for (u32 i = 0; i < vm->vcpus * REFUSALS; i++)
			if (is_same(row_of(vm, i), row))
				list[n].count += row_of(vm, i)->count;
		n++;
	}
	return n;
}

void report_refused(const struct report_vm *vm, struct out *out)
{
	struct refusal list[REFUSALS];
	u32 n = report_refusals(vm, list);

	if (n != 0)
		out_print(out, "  %s asked for what is not there, the first %u of it:\n", vm->name,
		          n);
	for (u32 i = 0; i < n; i++) {
		out_text(out, "  ");
		text_left(out, refused_kind(list[i].event), 11);
		out_print(out, "%10llx", (unsigned long long)list[i].what);
		text_number(out, list[i].count, 8);
		out_print(out, " times, rip %016llx", (unsigned long long)list[i].rip);
		out_print(out, "  %s\n", refused_name(list[i].event, list[i].what));
	}
}

void report_refused_lines(const struct report_vm *vm, struct out *out)
{
	struct refusal list[REFUSALS];
	u32 n = report_refusals(vm, list);

	for (u32 i = 0; i < n; i++) {
		json_begin(out, "refused");
		json_text(out, "vm", vm->name);
		json_text(out, "event", vcpu_count_name(list[i].event));
		json_number(out, "what", list[i].what);
		json_text(out, "name", refused_name(list[i].event, list[i].what));
		json_number(out, "count", list[i].count);
		json_number(out, "rip", list[i].rip);
		json_end(out);
	}
}
