/* SPDX-License-Identifier: MIT */
/*
 * ipibench: what an IPI costs, by path and number of targets.
 *
 *   ipibench [WORKLOAD...] [path=all|NAME,...] [n=200] [warmup=20] [targets=k] [halt=1] ...
 *
 * Workloads are the rows of `workloads` below; without one, `all`. Every IPI asked for is counted
 * by its receiver, and a test point says whether each arrived exactly once.
 */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/exit.h"
#include "guest-tools/lib/guest.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/paths.h"
#include "guest-tools/lib/print.h"
#include "guest-tools/lib/report.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"
#include "hv/base/bits.h"

#define VECTOR_PING 0xe1u
#define VECTOR_SELF 0xe2u
#define VECTOR_EOI  0xe3u

/* An IPI that has not come by then is lost. */
#define LOST_TICKS 2000000000ull

#define PORT_SCRATCH 0x3ff /* COM1's scratch register: a read without side effect */

/* Written by the receiving CPU only. */
struct receiver {
	u32 seen; /* handler entered */
	u32 done; /* and its EOI is over */
} ALIGNED(64);

static struct receiver receivers[MAX_CPUS];
static u64 self_tsc; /* when the self-IPI's handler began; 0 = not yet */
static u64 eoi_ticks;

static struct samples send_ticks, total_ticks;
static struct plan plan;
static u32 runs, warmup;
static const char *path_list;

static ALWAYS_INLINE void ping(bool x2apic)
{
	struct receiver *r = &receivers[this_cpu()->index];

	atomic_store(&r->seen, r->seen + 1);
	if (x2apic)
		wrmsr(x2apic_msr(APIC_EOI), 0);
	else
		xapic_write(APIC_EOI, 0);
	atomic_store(&r->done, r->done + 1);
}

static ALWAYS_INLINE void self_arrived(bool x2apic)
{
	self_tsc = rdtsc_ordered();
	if (x2apic)
		wrmsr(x2apic_msr(APIC_EOI), 0);
	else
		xapic_write(APIC_EOI, 0);
}

static ALWAYS_INLINE void eoi_timed(bool x2apic)
{
	u64 start = rdtsc_ordered();

	if (x2apic)
		wrmsr(x2apic_msr(APIC_EOI), 0);
	else
		xapic_write(APIC_EOI, 0);
	eoi_ticks = rdtsc_ordered() - start;
}

#define HANDLER(name, body, x2apic)                                                                \
	__attribute__((interrupt)) static void name(struct raw_frame *frame)                       \
	{                                                                                          \
		(void)frame;                                                                       \
		body(x2apic);                                                                      \
	}

HANDLER(on_ping_xapic, ping, false)
HANDLER(on_ping_x2apic, ping, true)
HANDLER(on_self_xapic, self_arrived, false)
HANDLER(on_self_x2apic, self_arrived, true)
HANDLER(on_eoi_xapic, eoi_timed, false)
HANDLER(on_eoi_x2apic, eoi_timed, true)

/* Brings all CPUs into a mode and installs the handlers that end their interrupts in it. */
static bool use_mode(const struct apic_ops *ops)
{
	bool x2apic = ops == &x2apic_ops;

	if (!apic_use(ops))
		return false;
	interrupt_handle_raw(VECTOR_PING, x2apic ? on_ping_x2apic : on_ping_xapic);
	interrupt_handle_raw(VECTOR_SELF, x2apic ? on_self_x2apic : on_self_xapic);
	interrupt_handle_raw(VECTOR_EOI, x2apic ? on_eoi_x2apic : on_eoi_xapic);
	return true;
}

/* Waits until a counter of a receiver has come to a value. */
static bool wait_for(const u32 *counter, u32 value)
{
	u64 start = rdtsc();

	while (atomic_load(counter) != value) {
		cpu_relax();
		if (rdtsc() - start > LOST_TICKS)
			return false;
	}
	return true;
}

static void report(const char *path, const char *op, u32 targets, struct samples *samples,
		   struct exit_count before, bool own_only)
{
	struct exit_count exits = counters_since(before);
	struct bench_result result = {
		.path = path,
		.op = op,
		.targets = targets,
		.ticks = samples_distribution(samples),
		.exits_known = exits.known,
		.exits = own_only ? exits.own : exits.all,
		.runs = runs + warmup,
	};

	report_bench(&result);
}

/* --- one CPU alone ---------------------------------------------------------------------------- */

static ALWAYS_INLINE void measure_local(const char *op, void (*body)(void))
{
	struct exit_count before = counters_exits();

	total_ticks.n = 0;
	for (u32 i = 0; i < runs + warmup; i++) {
		u64 start = rdtsc_ordered(), end;

		body();
		end = rdtsc_ordered();
		if (i >= warmup)
			samples_add(&total_ticks, end - start);
	}
	report("exit", op, 0, &total_ticks, before, true);
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

/* --- IPIs -------------------------------------------------------------------------------------- */

static void measure_self(const struct send_path *path, u32 vector, const u64 *stamp, const char *op)
{
	const u32 self = 0;
	struct exit_count before = counters_exits();
	u32 lost = 0;

	path->build(&plan, PLAN_SELF, &self, 1, vector);
	total_ticks.n = 0;
	for (u32 i = 0; i < runs + warmup && lost == 0; i++) {
		u64 start, limit;

		self_tsc = eoi_ticks = 0;
		start = rdtsc_ordered();
		path->send(&plan);
		for (limit = 0; atomic_load(stamp) == 0 && limit < 1000000; limit++)
			cpu_relax();
		lost += *stamp == 0;
		if (i >= warmup)
			samples_add(&total_ticks, stamp == &self_tsc ? *stamp - start : *stamp);
	}
	report(path->name, op, 1, &total_ticks, before, true);
	tap_ok(lost == 0, "%s %s: every interrupt came", path->name, op);
}

static void run_self(const struct send_path *path)
{
	measure_self(path, VECTOR_SELF, &self_tsc, "self");
}

static void run_eoi(const struct send_path *path)
{
	measure_self(path, VECTOR_EOI, &eoi_ticks, "eoi");
}

/* One operation: all targets were asked to come, and all came. False if one did not. */
static bool ping_once(const struct send_path *path, const u32 *targets, u32 k, bool sample)
{
	u64 start, sent, end;
	u32 round = receivers[targets[0]].done + 1;

	start = rdtsc_ordered();
	path->send(&plan);
	sent = rdtsc_ordered();
	for (u32 i = 0; i < k; i++)
		if (!wait_for(&receivers[targets[i]].seen, round))
			return false;
	end = rdtsc_ordered();
	if (sample) {
		samples_add(&send_ticks, sent - start);
		samples_add(&total_ticks, end - start);
	}
	for (u32 i = 0; i < k; i++)
		if (!wait_for(&receivers[targets[i]].done, round))
			return false;
	return true;
}

/* CPUs 1..k are the targets. */
static void measure_ping(const struct send_path *path, enum plan_kind kind, u32 k, const char *op,
			 const char *send_op)
{
	struct exit_count before;
	u32 targets[MAX_CPUS], count = 0, ok = 0;

	for (u32 i = 0; i < k; i++)
		targets[i] = i + 1;
	memset(receivers, 0, sizeof(receivers));
	path->build(&plan, kind, targets, k, VECTOR_PING);
	send_ticks.n = total_ticks.n = 0;
	before = counters_exits();
	while (ok < runs + warmup && ping_once(path, targets, k, ok >= warmup))
		ok++;
	report(path->name, send_op, k, &send_ticks, before, true);
	report(path->name, op, k, &total_ticks, before, false);
	for (u32 i = 0; i < cpu_ids_count; i++)
		count += receivers[i].seen;
	tap_ok(ok == runs + warmup && count == k * ok, "%s %s to %u: %u of %u, %u received",
	       path->name, op, k, ok, runs + warmup, count);
}

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
	u32 others = cpu_ids_count - 1;
	u32 only = (u32)args_number("targets", 0);

	for (u32 k = 1; k <= others; k = next_k(k, others))
		if (only == 0 || only == k)
			measure_ping(path, PLAN_SET, k, "set", "set-send");
}

static void run_broadcast(const struct send_path *path)
{
	measure_ping(path, PLAN_BROADCAST, cpu_ids_count - 1, "broadcast", "broadcast-send");
}

/* As fast as can be, without waiting for anyone: `n` rounds, or as many as fit in `ticks`. */
static void run_storm(const struct send_path *path)
{
	u64 limit = args_number("ticks", 0), start, end, sent = 0, received = 0;
	struct exit_count before = counters_exits();
	u32 targets[MAX_CPUS], others = cpu_ids_count - 1;

	for (u32 i = 0; i < others; i++)
		targets[i] = i + 1;
	memset(receivers, 0, sizeof(receivers));
	path->build(&plan, PLAN_BROADCAST, targets, others, VECTOR_PING);
	send_ticks.n = 0;
	start = end = rdtsc_ordered();
	while (limit == 0 ? sent < runs : end - start < limit) {
		u64 now;

		path->send(&plan);
		now = rdtsc_ordered();
		samples_add(&send_ticks, now - end);
		end = now;
		sent++;
	}
	delay_ticks(1000000);
	for (u32 i = 1; i <= others; i++)
		received += atomic_load(&receivers[i].seen);
	print_machine("{\"type\":\"storm\",\"path\":\"%s\",\"targets\":%u,\"sent\":%lu,"
		      "\"received\":%lu,\"ticks\":%lu}\n",
		      hypervisor.present ? path->name : "native", others, sent, received,
		      end - start);
	report(path->name, "storm-send", others, &send_ticks, before, true);
	/* Two of the same vector that meet in the IRR are one: fewer may come, never more. */
	tap_ok(received >= others && received <= sent * others,
	       "%s storm: %lu sent to %u CPUs, %lu handled", path->name, sent, others, received);
}

/* --- the neighbour ----------------------------------------------------------------------------- */

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
	print_machine("{\"type\":\"victim\",\"slices\":%lu,\"min\":%u,\"p50\":%u,\"p99\":%u,"
		      "\"max\":%u,\"elapsed\":%lu,\"lost\":%lu,\"max_gap\":%u,\"unit\":\"ticks\"}\n",
		      slices, d.min, d.p50, d.p99, d.max, before - start, lost, d.max - d.min);
	print("# victim: %lu slices of %u ticks, lost %lu of %lu ticks, longest gap %u\n", slices,
	      d.min, lost, before - start, d.max - d.min);
	tap_ok(d.n == slices, "victim: all slices done");
}

/* --- choice ------------------------------------------------------------------------------------ */

struct workload {
	const char *name;
	void (*local)(void);
	void (*on_path)(const struct send_path *path);
	bool needs_others;
	bool in_all;
};

static const struct workload workloads[] = {
	{ "null", run_null, NULL, false, true },
	{ "cpuid", run_cpuid, NULL, false, true },
	{ "port", run_port, NULL, false, true },
	{ "vmcall", run_vmcall, NULL, false, true },
	{ "self", NULL, run_self, false, true },
	{ "eoi", NULL, run_eoi, false, true },
	{ "pingpong", NULL, run_unicast, true, true },
	{ "set", NULL, run_set, true, true },
	{ "broadcast", NULL, run_broadcast, true, true },
	{ "storm", NULL, run_storm, true, false },
	{ "victim", run_victim, NULL, false, false },
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
		if (w->needs_others && cpu_ids_count < 2)
			tap_skip(w->name, "one CPU");
		else
			w->on_path(path);
	}
}

/* A path of no mode of its own takes x2APIC where there is one, for the receiver's EOI. */
static void run_paths(void)
{
	for (const struct send_path *path = send_paths; path < send_paths + send_paths_count; path++) {
		const struct apic_ops *mode = path->mode;

		if (!name_in_list(path->name, path_list) || !path->offered())
			continue;
		if (mode == NULL)
			mode = apic_has_x2apic() ? &x2apic_ops : &xapic_ops;
		if (use_mode(mode))
			run_on_path(path);
		else
			tap_skip(path->name, "the APIC has no such mode");
	}
}

static void check_words(void)
{
	const char *word;

	for (u32 i = 0; (word = args_word(i, NULL)) != NULL; i++) {
		bool known = strcmp(word, "all") == 0;

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

int guest_main(void)
{
	check_words();
	runs = (u32)args_number("n", 200);
	warmup = (u32)args_number("warmup", 20);
	path_list = args_text("path", "xapic,x2apic,x2apic-cluster,hypercall,hypercall-tap");
	smp_idle_halts = args_number("halt", 0) != 0;
	smp_start_all();
	print("# ipibench on %s, %u CPUs, loaded by %s, targets %s\n", hypervisor.name,
	      cpu_ids_count, boot_info.loader, smp_idle_halts ? "halt" : "spin");
	interrupts_on();
	for (const struct workload *w = workloads; w < workloads + ARRAY_SIZE(workloads); w++)
		if (w->local != NULL && wanted(w))
			w->local();
	run_paths();
	args_finish();
	report_table();
	return tap_done();
}
