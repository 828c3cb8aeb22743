/* SPDX-License-Identifier: MIT */
/*
 * Measuring IPIs by a path. The handlers here do the least that a handler must, and every IPI is
 * counted by its receiver; a test point says whether each arrived exactly once. CPU 0 only.
 */
#ifndef GUEST_MEASURE_H
#define GUEST_MEASURE_H

#include "guest-tools/lib/counters.h"
#include "guest-tools/lib/paths.h"
#include "guest-tools/lib/stats.h"

#define VECTOR_PING 0xe1u /* count, EOI */
#define VECTOR_SELF 0xe2u /* note when the handler began, EOI */
#define VECTOR_EOI  0xe3u /* note how long the EOI took */

/* Written by the receiving CPU only; zeroed before a measurement begins. */
struct receiver {
	u32 seen; /* handler entered */
	u32 done; /* and its EOI is over */
} ALIGNED(CACHE_LINE);

extern struct receiver receivers[MAX_CPUS];
extern struct samples send_ticks, total_ticks;

/* Operations measured, and those before that are not. Set by the image. */
extern u32 measure_runs, measure_warmup;

/* Brings all CPUs into a mode and installs the handlers that end their interrupts in it. */
MUST_USE bool measure_use(const struct apic_ops *ops);

/* Reports samples of measure_runs operations; exits of CPU 0 alone, or of all. */
void measure_report(const char *path, const char *op, u32 targets, struct samples *samples,
                    struct exit_count exits, bool own_only);

/* A self-IPI: from before the send to the handler's first instruction. */
void measure_self(const struct send_path *path);

/* An EOI: the write alone. Exits are not told, for those of the IPI before it are among them. */
void measure_eoi(const struct send_path *path);

/*
 * From before the send until CPUs 1..k have all acknowledged in memory (op), and until the send
 * returns (send_op). The next begins when all have sent their EOI.
 */
void measure_ping(const struct send_path *path, enum plan_kind kind, u32 k, const char *op,
                  const char *send_op);

#endif
