/* SPDX-License-Identifier: MIT */
/*
 * ipibench: what an IPI costs, by path and number of targets.
 *
 *   ipibench [WORKLOAD...] [path=all|NAME,...] [n=200] [warmup=20] [targets=k] [use=n] [halt=1] ...
 *            [then WORKLOAD... [KEY=VALUE...]]...
 *
 * Workloads are the rows of `workloads` below; without one, `all`. Every IPI asked for is counted
 * by its receiver, and a test point says whether each arrived exactly once. A part behind `then`
 * comes when the one before is over; keys count for it and those after it.
 */
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/measure.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/report.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define PORT_SCRATCH 0x3ff /* COM1's scratch register: a read without side effect */

static struct plan plan;
static const char *path_list;
static u32 used; /* CPUs that take part; the others halt */

/* --- one CPU alone ---------------------------------------------------------------------------- */

static ALWAYS_INLINE void measure_local(const char *op, void (*body)(void))
{
	struct exit_count before = counters_exits();

	total_ticks.n = 0;
	for (u32 i = 0; i < measure_runs + measure_warmup; i++) {
		u64 start = rdtsc_ordered(), end;

		body();
		end = rdtsc_ordered();
		if (i >= measure_warmup)
			samples_add(&total_ticks, end - start);
	}
	measure_report("exit", op, 0, &total_ticks, counters_since(before), true);
	tap_ok(total_ticks.n == MIN(measure_runs, SAMPLES_MAX), "%s", op);
}

static ALWAYS_INLINE void do_nothing(void)
{
}

static ALWAYS_INLINE void do_cpuid(void)
{
	cpuid(0, 0);
}

static ALWAYS_INLINE void do_port(void)
{
	inb(PORT_SCRATCH);
}

/* An unknown number: what a call costs before it does anything. */
static ALWAYS_INLINE void do_hypercall(void)
{
	hypercall(UINT32_MAX, 0, 0, 0, 0);
}

static void run_null(void)
{
	measure_local("null", do_nothing);
}

static void run_cpuid(void)
{
	measure_local("cpuid", do_cpuid);
}

static void run_port(void)
{
	measure_local("port", do_port);
}

static void run_vmcall(void)
{
	if (hypervisor.kvm_base != 0 || hypervisor.tapvisor_base != 0)
		measure_local("vmcall", do_hypercall);
	else
		tap_skip("vmcall", "no hypervisor that takes VMCALL");
}

/* --- IPIs --------------------------------------------------------------------------------------
 */

static void run_unicast(const struct send_path *path)
{
	measure_ping(path, PLAN_SET, 1, "unicast", "unicast-send");
}

/* Every k in a small machine; 1, 2, 4 ... and all in a large one. */
static u32 next_k(u32 k, u32 others)
{
	if (others < 16)
		return k + 1;
	return k < others && 2 * k > others ? others : 2 * k;
}

static void run_set(const struct send_path *path)
{
	u32 others = used - 1;
	u32 only = (u32)args_number("targets", 0);

	for (u32 k = 1; k <= others; k = next_k(k, others))
		if (only == 0 || only == k)
			measure_ping(path, PLAN_SET, k, "set", "set-send");
}

static void run_broadcast(const struct send_path *path)
{
	measure_ping(path, PLAN_BROADCAST, used - 1, "broadcast", "broadcast-send");
}

/* As fast as can be, without waiting for anyone: `n` rounds, or as many as fit in `ticks`. */
static void run_storm(const struct send_path *path)
{
	u64 limit = args_number("ticks", 0), start, end, sent = 0, received = 0;
	struct exit_count before = counters_exits(), exits;
	u32 targets[MAX_CPUS], others = used - 1;

	for (u32 i = 0; i < others; i++)
		targets[i] = i + 1;
	memset(receivers, 0, sizeof(receivers));
	path->build(&plan, PLAN_BROADCAST, targets, others, VECTOR_PING);
	send_ticks.n = 0;
	start = end = rdtsc_ordered();
	while (limit == 0 ? sent < measure_runs : end - start < limit) {
		u64 now;

		path->send(&plan);
		now = rdtsc_ordered();
		samples_add(&send_ticks, now - end);
		end = now;
		sent++;
	}
	exits = counters_since(before);
	delay_ticks(1000000);
	for (u32 i = 1; i <= others; i++)
		received += atomic_load(&receivers[i].seen);
	print_machine("{\"type\":\"storm\",\"path\":\"%s\",\"targets\":%u,\"sent\":%lu,"
	              "\"received\":%lu,\"ticks\":%lu}\n",
	              hypervisor.present ? path->name : "native", others, sent, received,
	              end - start);
	measure_report(path->name, "storm-send", others, &send_ticks, exits, true);
	/* Two of the same vector that meet in the IRR are one: fewer may come, never more. */
	tap_ok(received >= others && received <= sent * others,
	       "%s storm: %lu sent to %u CPUs, %lu handled", path->name, sent, others, received);
}

/* --- the neighbour -----------------------------------------------------------------------------
 */

static NOINLINE u64 fixed_work(u64 rounds)
{
	u64 x = 1;

	for (u64 i = 0; i < rounds; i++) {
		x = x * 6364136223846793005ull + i;
		__asm__ volatile("" : "+r"(x));
	}
	return x;
}

/*
 * The same work over and over. A slice's best time is what it takes when nobody disturbs; what all
 * slices took beyond that was lost to others.
 */
static void run_victim(void)
{
	u64 work = args_number("work", 1000), slices = args_number("slices", 1000);
	u64 start, before, now, lost;
	struct distribution d;

	total_ticks.n = 0;
	slices = MIN(slices, (u64)SAMPLES_MAX);
	fixed_work(work);
	start = before = rdtsc_ordered();
	for (u64 i = 0; i < slices; i++) {
		fixed_work(work);
		now = rdtsc_ordered();
		samples_add(&total_ticks, now - before);
		before = now;
	}
	d = samples_distribution(&total_ticks);
	lost = before - start - d.min * slices;
	print_machine(
		"{\"type\":\"victim\",\"slices\":%lu,\"min\":%u,\"p50\":%u,\"p99\":%u,"
		"\"max\":%u,\"elapsed\":%lu,\"lost\":%lu,\"max_gap\":%u,\"unit\":\"ticks\"}\n",
		slices, d.min, d.p50, d.p99, d.max, before - start, lost, d.max - d.min);
	print("# victim: %lu slices of %u ticks, lost %lu of %lu ticks, longest gap %u\n", slices,
	      d.min, lost, before - start, d.max - d.min);
	tap_ok(d.n == slices, "victim: all slices done");
}

/* --- choice ------------------------------------------------------------------------------------
 */

struct workload {
	const char *name;
	void (*local)(void);
	void (*on_path)(const struct send_path *path);
	bool needs_others;
	bool in_all;
	bool reaches_all; /* whoever takes part */
};

static const struct workload workloads[] = {
	{ "null", run_null, NULL, false, true, false },
	{ "cpuid", run_cpuid, NULL, false, true, false },
	{ "port", run_port, NULL, false, true, false },
	{ "vmcall", run_vmcall, NULL, false, true, false },
	{ "self", NULL, measure_self, false, true, false },
	{ "eoi", NULL, measure_eoi, false, true, false },
	{ "pingpong", NULL, run_unicast, true, true, false },
	{ "set", NULL, run_set, true, true, false },
	{ "broadcast", NULL, run_broadcast, true, true, true },
	{ "storm", NULL, run_storm, true, false, true },
	{ "victim", run_victim, NULL, false, false, false },
};

static bool wanted(const struct workload *w)
{
	if (args_word(0, NULL) == NULL)
		return w->in_all;
	for (u32 i = 0; args_word(i, NULL) != NULL; i++)
		if (strcmp(args_word(i, ""), w->name) == 0 ||
		    (strcmp(args_word(i, ""), "all") == 0 && w->in_all))
			return true;
	return false;
}

static void run_on_path(const struct send_path *path)
{
	for (const struct workload *w = workloads; w < workloads + ARRAY_SIZE(workloads); w++) {
		if (w->on_path == NULL || !wanted(w))
			continue;
		if (w->needs_others && used < 2)
			tap_skip(w->name, "one CPU");
		else if (w->reaches_all && used < cpu_ids_count)
			tap_skip(w->name, "it would reach CPUs that use= leaves out");
		else
			w->on_path(path);
	}
}

/* A path of no mode of its own takes x2APIC where there is one, for the receiver's EOI. */
static void run_paths(void)
{
	for (const struct send_path *path = send_paths; path < send_paths + send_paths_count;
	     path++) {
		const struct apic_ops *mode = path->mode;

		if (!name_in_list(path->name, path_list) || !path->offered())
			continue;
		if (mode == NULL)
			mode = apic_has_x2apic() ? &x2apic_ops : &xapic_ops;
		if (measure_use(mode))
			run_on_path(path);
		else
			tap_skip(path->name, "the APIC has no such mode");
	}
}

#define THEN "then"

static void check_words(void)
{
	const char *word;

	for (u32 i = 0; (word = args_word(i, NULL)) != NULL; i++) {
		bool known = strcmp(word, "all") == 0 || strcmp(word, THEN) == 0;

		for (u32 w = 0; w < ARRAY_SIZE(workloads); w++)
			known |= strcmp(word, workloads[w].name) == 0;
		if (known)
			continue;
		print("# %s: no such workload; there are: all", word);
		for (u32 w = 0; w < ARRAY_SIZE(workloads); w++)
			print(" %s", workloads[w].name);
		print("\n");
		guest_exit(EXIT_USAGE);
	}
}

static void run_part(void)
{
	measure_runs = (u32)args_number("n", 200);
	measure_warmup = (u32)args_number("warmup", 20);
	path_list = args_text("path", "xapic,x2apic,x2apic-cluster,hypercall,hypercall-tap");
	used = MIN(MAX((u32)args_number("use", MAX_CPUS), 1u), cpu_ids_count);
	smp_idle(args_number("halt", 0) != 0 ? 1 : used);
	for (const struct workload *w = workloads; w < workloads + ARRAY_SIZE(workloads); w++)
		if (w->local != NULL && wanted(w))
			w->local();
	run_paths();
}

int guest_main(void)
{
	check_words();
	smp_start_all();
	print("# ipibench on %s, %u CPUs, loaded by %s\n", hypervisor.name, cpu_ids_count,
	      boot_info.loader);
	interrupts_on();
	while (args_next(THEN))
		run_part();
	args_finish();
	report_table();
	return tap_done();
}
