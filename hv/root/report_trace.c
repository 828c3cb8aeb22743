/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* The last exits of each core, as ring 0 keeps them for its crash report too. */
#include "hv/abi/names.h"
#include "hv/root/report.h"
#include "hv/root/text.h"

#define NAME_WIDTH 16u

static void trace_row(const struct report *r, u64 word, struct out *out)
{
	u32 vm = TRACE_VM(word);

	out_text(out, "      ");
	text_left(out, vm < MAX_VMS ? r->culprit[vm] : "", NAME_WIDTH);
	out_print(out, "%5u  %s\n", TRACE_VCPU(word), exit_reason_name(TRACE_REASON(word)));
}

void report_trace(const struct report *r, struct out *out)
{
	out_text(out,
	         "Last exits of each core, oldest first\n core VM               vCPU  reason\n");
	for (u32 core = 0; core < r->cores; core++) {
		/* A copy: the core goes on while this is printed. */
		const struct core_counters c = *report_core(r, core);

		out_print(out, "%5u\n", core);
		for (u32 i = 0; i < TRACE_EXITS; i++) {
			u64 word = c.trace[(c.trace_next + i) % TRACE_EXITS];

			if (word != 0)
				trace_row(r, word, out);
		}
	}
}
