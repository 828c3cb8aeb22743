/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/measure.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/report.h"
#include "guest-tools/lib/string.h"
#include "guest-tools/lib/tap.h"

/* An IPI that has not come by then is lost. */
#define LOST_TICKS 2000000000ull
#define SELF_LOOPS 1000000u

struct receiver receivers[MAX_CPUS];
struct samples send_ticks, total_ticks;
u32 measure_runs, measure_warmup;

static u64 self_tsc; /* when the self-IPI's handler began; 0 = not yet */
static u64 eoi_ticks;
static struct plan plan;

static ALWAYS_INLINE FROM_INTERRUPT void ping(bool x2apic)
{
	struct receiver *r = &receivers[this_cpu()->index];

	atomic_store(&r->seen, r->seen + 1);
	if (x2apic)
		wrmsr(x2apic_msr(APIC_EOI), 0);
	else
		xapic_write(APIC_EOI, 0);
	atomic_store(&r->done, r->done + 1);
}

static ALWAYS_INLINE FROM_INTERRUPT void self_arrived(bool x2apic)
{
	self_tsc = rdtsc_ordered();
	if (x2apic)
		wrmsr(x2apic_msr(APIC_EOI), 0);
	else
		xapic_write(APIC_EOI, 0);
}

static ALWAYS_INLINE FROM_INTERRUPT void eoi_timed(bool x2apic)
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

bool measure_use(const struct apic_ops *ops)
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

void measure_report(const char *path, const char *op, u32 targets, struct samples *samples,
                    struct exit_count exits, bool own_only)
{
	struct bench_result result = {
		.path = path,
		.op = op,
		.targets = targets,
		.ticks = samples_distribution(samples),
		.exits_known = exits.known,
		.exits = own_only ? exits.own : exits.all,
		.runs = measure_runs + measure_warmup,
	};

	report_bench(&result);
}

/* Sends to self until the stamp that the vector's handler leaves is there; false if none came. */
static bool self_once(const struct send_path *path, const u64 *stamp, bool sample)
{
	u64 start;

	self_tsc = eoi_ticks = 0;
	start = rdtsc_ordered();
	path->send(&plan);
	for (u32 i = 0; atomic_load(stamp) == 0; i++) {
		cpu_relax();
		if (i == SELF_LOOPS)
			return false;
	}
	if (sample)
		samples_add(&total_ticks, stamp == &self_tsc ? self_tsc - start : eoi_ticks);
	return true;
}

static void measure_alone(const struct send_path *path, u32 vector, const u64 *stamp,
                          const char *op)
{
	const u32 self = 0;
	struct exit_count before = counters_exits(), exits;
	u32 ok = 0;

	path->build(&plan, PLAN_SELF, &self, 1, vector);
	total_ticks.n = 0;
	while (ok < measure_runs + measure_warmup && self_once(path, stamp, ok >= measure_warmup))
		ok++;
	exits = counters_since(before);
	exits.known &= stamp == &self_tsc;
	measure_report(path->name, op, 1, &total_ticks, exits, true);
	tap_is(ok, measure_runs + measure_warmup, "%s %s: every interrupt came", path->name, op);
}

void measure_self(const struct send_path *path)
{
	measure_alone(path, VECTOR_SELF, &self_tsc, "self");
}

void measure_eoi(const struct send_path *path)
{
	measure_alone(path, VECTOR_EOI, &eoi_ticks, "eoi");
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

void measure_ping(const struct send_path *path, enum plan_kind kind, u32 k, const char *op,
                  const char *send_op)
{
	struct exit_count before, exits;
	u32 targets[MAX_CPUS], count = 0, ok = 0;

	for (u32 i = 0; i < k; i++)
		targets[i] = i + 1;
	memset(receivers, 0, sizeof(receivers));
	path->build(&plan, kind, targets, k, VECTOR_PING);
	send_ticks.n = total_ticks.n = 0;
	before = counters_exits();
	while (ok < measure_runs + measure_warmup &&
	       ping_once(path, targets, k, ok >= measure_warmup))
		ok++;
	exits = counters_since(before);
	measure_report(path->name, send_op, k, &send_ticks, exits, true);
	measure_report(path->name, op, k, &total_ticks, exits, false);
	for (u32 i = 0; i < cpu_ids_count; i++)
		count += receivers[i].seen;
	tap_ok(ok == measure_runs + measure_warmup && count == k * ok,
	       "%s %s to %u: %u of %u, %u received", path->name, op, k, ok,
	       measure_runs + measure_warmup, count);
}
