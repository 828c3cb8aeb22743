/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* The last exits of each core, as ring 0 keeps them for its crash report too. */
#include "hv/abi/names.h"
#include "hv/ring3/root/report.h"
#include "hv/ring3/root/text.h"

#define NAME_WIDTH 16u

/* The i-th exit, from the oldest. */
static u64 trace_at(const struct core_counters *c, u32 i)
{
	return c->trace[(c->trace_next + i) % TRACE_EXITS];
}

static void trace_row(const struct report *r, u64 word, u32 times, struct out *out)
{
	u32 vm = TRACE_VM(word);

	out_text(out, "      ");
	text_left(out, vm < MAX_VMS ? r->culprit[vm] : "", NAME_WIDTH);
	out_print(out, "%5u  %s", TRACE_VCPU(word), exit_reason_name(TRACE_REASON(word)));
	if (times > 1)
		out_print(out, ", %u times", times);
	out_text(out, "\n");
}

void report_trace(const struct report *r, struct out *out)
{
	out_text(out,
	         "Last exits of each core, oldest first\n core VM               vCPU  reason\n");
	for (u32 core = 0; core < r->cores; core++) {
		/* A copy: the core goes on while this is printed. */
		const struct core_counters c = *report_core(r, core);

		out_print(out, "%5u\n", core);
		for (u32 i = 0, n; i < TRACE_EXITS; i += n) {
			u64 word = trace_at(&c, i);

			for (n = 1; i + n < TRACE_EXITS && trace_at(&c, i + n) == word;)
				n++;
			if (word != 0)
				trace_row(r, word, n, out);
		}
	}
}
