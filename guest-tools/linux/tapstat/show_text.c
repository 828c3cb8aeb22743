/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "guest-tools/linux/tapstat/show.h"

#include "hv/abi/names.h"

/* share of whole in tenths of a per cent, 0 when there is no whole */
static double percent(u64 share, u64 whole)
{
	return whole == 0 ? 0 : 100.0 * (double)share / (double)whole;
}

static u64 each(u64 sum, u64 count)
{
	return count == 0 ? 0 : sum / count;
}

const char *culprit_name(const struct report *report, u32 culprit, char *text, size_t size)
{
	if (culprit == ROOT_VM)
		return "host";
	if (culprit == report->vm)
		return "self";
	snprintf(text, size, "vm%u", culprit);
	return text;
}

/* The reason with the most ticks below those of `below`, each once; EXIT_REASONS: none left. */
static u32 next_exit(const struct counts *c, const bool *done)
{
	u32 best = EXIT_REASONS;

	for (u32 i = 0; i < EXIT_REASONS; i++)
		if (!done[i] && c->exit_count[i] != 0 &&
		    (best == EXIT_REASONS || c->exit_ticks[i] > c->exit_ticks[best]))
			best = i;
	return best;
}

static void show_exits(FILE *out, const struct counts *c)
{
	bool done[EXIT_REASONS] = { false };
	u64 all = counts_exit_ticks(c);

	fprintf(out, "%-20s %12s %14s %7s %9s\n", "exits", "count", "ticks", "share", "each");
	for (u32 i = next_exit(c, done); i < EXIT_REASONS; i = next_exit(c, done)) {
		done[i] = true;
		fprintf(out, "  %-18s %12lu %14lu %6.1f%% %9lu\n", exit_reason_name(i),
		        c->exit_count[i], c->exit_ticks[i], percent(c->exit_ticks[i], all),
		        each(c->exit_ticks[i], c->exit_count[i]));
	}
	fprintf(out, "  %-18s %12lu %14lu %7s %9lu\n", "all", counts_exits(c), all, "",
	        each(all, counts_exits(c)));
}

static void show_ipis(FILE *out, const struct counts *c)
{
	fprintf(out, "%-20s %9s %9s %9s %9s %9s %9s %9s\n", "IPIs", "sends", "targets", "posted",
	        "coalesced", "dropped", "kicks", "no kick");
	for (u32 i = 0; i < IPI_PATHS; i++) {
		const struct ipi_counter *ipi = &c->ipi[i];

		if (ipi->sends != 0)
			fprintf(out, "  %-18s %9lu %9lu %9lu %9lu %9lu %9lu %9lu\n",
			        ipi_path_name(i), ipi->sends, ipi->requested, ipi->posted,
			        ipi->coalesced, ipi->dropped, ipi->kicks, ipi->kicks_avoided);
	}
}

/* The guest's view and the hypervisor's, of the same interrupts. */
static void show_interrupts(FILE *out, const struct counts *c)
{
	fprintf(out,
	        "interrupts  guest: RES %lu + CAL %lu = %lu, of them TLB %lu\n"
	        "            hypervisor: IPIs %lu, injected %lu, PV flushes %lu\n",
	        c->irq[IRQ_RES], c->irq[IRQ_CAL], counts_irqs(c), c->irq[IRQ_TLB],
	        counts_requested(c, false), c->count[COUNT_INJECT_INTERRUPT],
	        c->count[COUNT_PV_TLB_FLUSH]);
}

static void show_time(FILE *out, const struct counts *c)
{
	u64 all = 0;

	for (u32 i = 0; i < VCPU_TIMES; i++)
		all += c->time[i];
	fprintf(out, "time       ");
	for (u32 i = 0; i < VCPU_TIMES; i++)
		fprintf(out, " %s %.1f%%", vcpu_time_name(i), percent(c->time[i], all));
	fprintf(out, "\n");
}

static void show_steal(FILE *out, const struct report *report)
{
	const struct counts *c = report->counts;
	char text[16];

	fprintf(out, "steal       %lu ticks", counts_steal(c));
	for (u32 i = 0; i < MAX_VMS; i++) {
		if (counts_blame(c, i) == 0)
			continue;
		fprintf(out,
		        "\n            by %s %lu:", culprit_name(report, i, text, sizeof(text)),
		        counts_blame(c, i));
		for (u32 cause = 0; cause < BLAME_CAUSES; cause++)
			if (c->blame[i][cause] != 0)
				fprintf(out, " %s %lu", blame_cause_name(cause),
				        c->blame[i][cause]);
	}
	fprintf(out, "\n");
}

void show_text(FILE *out, const struct report *report)
{
	fprintf(out, "vm %u, %u vCPUs, ", report->vm, report->vcpus);
	if (report->totals)
		fprintf(out, "since it was made\n");
	else
		fprintf(out, "%.2f s\n", report->seconds);
	show_exits(out, report->counts);
	show_ipis(out, report->counts);
	show_interrupts(out, report->counts);
	show_time(out, report->counts);
	show_steal(out, report);
	fprintf(out, "\n");
}
