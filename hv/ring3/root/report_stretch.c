/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* How long ring 0 had interrupts off: each core's longest stretch, and all long ones by length. */
#include "hv/ring3/root/report.h"

#include "hv/abi/names.h"
#include "hv/ring3/root/json.h"
#include "hv/ring3/root/text.h"

#define NAME_WIDTH (VM_NAME_LEN + 1)

/* What began a stretch, in words. */
static void print_by(u64 who, struct out *out)
{
	u32 by = TRACE_REASON(who);

	if (by >= STRETCH_IDLE)
		out_text(out, by == STRETCH_IDLE ? "idle" : "window");
	else if (by >= STRETCH_SYSCALL)
		out_print(out, "system call %u", by - STRETCH_SYSCALL);
	else if (by >= STRETCH_TRAP)
		out_print(out, "ring 3, vector 0x%x", by - STRETCH_TRAP);
	else
		out_print(out, "exit %s", exit_reason_name(by));
}

static const char *vm_name(const struct report *r, u64 who)
{
	return TRACE_VM(who) < MAX_VMS ? r->culprit[TRACE_VM(who)] : "";
}

void report_stretches(const struct report *r, struct out *out)
{
	out_print(out, "Longest time with interrupts off in ring 0 (%s", r->unit);
	if (r->stretch_bound != 0)
		out_print(out, "; bound %llu", (unsigned long long)r->stretch_bound);
	out_text(out, ")\n core      longest  1,024 and more  VM                vCPU  begun by\n");
	for (u32 core = 0; core < r->cores; core++) {
		const struct stretch_counters c = report_core(r, core)->stretch;
		u64 count = 0;

		for (u32 i = 0; i < HIST_BUCKETS; i++)
			count += c.hist[i];
		out_print(out, "%5u", core);
		text_number(out, c.max, 13);
		text_number(out, count, 16);
		out_text(out, "  ");
		if (c.max != 0) {
			text_left(out, vm_name(r, c.who), NAME_WIDTH);
			out_print(out, "%5u  ", TRACE_VCPU(c.who));
			print_by(c.who, out);
		}
		out_text(out, "\n");
	}
}

void report_stretch_member(const struct report *r, u32 core, struct out *out)
{
	const struct stretch_counters c = report_core(r, core)->stretch;
	u32 last = HIST_BUCKETS;

	while (last > 0 && c.hist[last - 1] == 0)
		last--;
	out_print(out, ",\"stretch\":{\"max\":%llu,\"at\":%llu", (unsigned long long)c.max,
	          (unsigned long long)c.at);
	json_text(out, "vm", vm_name(r, c.who));
	json_number(out, "vcpu", TRACE_VCPU(c.who));
	out_text(out, ",\"by\":\"");
	print_by(c.who, out);
	out_text(out, "\",\"hist\":[");
	for (u32 i = 0; i < last; i++)
		out_print(out, i == 0 ? "%llu" : ",%llu", (unsigned long long)c.hist[i]);
	out_text(out, "]}");
}

u32 verdict_stretches(const struct report *r, struct out *out)
{
	u32 failed = 0;

	for (u32 core = 0; core < r->cores && r->stretch_bound != 0; core++) {
		const struct stretch_counters c = report_core(r, core)->stretch;

		if (c.max <= r->stretch_bound)
			continue;
		out_print(out, "core %u: ring 0 had interrupts off for %llu %s, bound %llu (", core,
		          (unsigned long long)c.max, r->unit, (unsigned long long)r->stretch_bound);
		out_print(out, "vm %s vCPU %u, ", vm_name(r, c.who), TRACE_VCPU(c.who));
		print_by(c.who, out);
		out_text(out, ")\n");
		failed++;
	}
	return failed;
}
