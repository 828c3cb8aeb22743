/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ipibench in the kernel: what Linux's own ways to make another CPU do something cost.
 *
 * Write words to /sys/kernel/debug/tapvisor/ipibench and the benchmark runs, on the CPU cpu= and
 * with the others as targets; read it for the table, ipibench.json for JSON lines.
 */
#ifndef TAPVISOR_BENCH_H
#define TAPVISOR_BENCH_H

#include <linux/cpumask.h>
#include <linux/seq_file.h>
#include <linux/types.h>

#include "hv/abi/counters.h"

enum bench_state {
	STATE_SPINNING, /* a thread of lowest priority keeps each target busy */
	STATE_HALTED,   /* each target is idle, in HLT */
	BENCH_STATES
};

enum bench_op {
	OP_SELF, /* irq_work on this CPU, by interrupt: from before the send to the handler */
	OP_UNICAST_SEND, /* a function call on one CPU: until the caller goes on */
	OP_UNICAST,      /* and until the target's handler has run */
	OP_SET_SEND,     /* the same on some, but not on all others */
	OP_SET,
	OP_BROADCAST_SEND, /* and on all others */
	OP_BROADCAST,
	BENCH_OPS
};

#define BENCH_SAMPLES_MAX 100000u

struct bench_config {
	u32 n, warmup;
	u32 cpu;     /* that sends */
	u32 targets; /* of a set; 0: from two on, each number there is */
	u32 ops, states;
	u32 pause; /* microseconds between operations on targets that are to be halted */
};

/* What an operation was in the end, by the sender's own counters. */
struct bench_way {
	bool known;
	enum ipi_path path;
	u64 sends, requested; /* of all operations together */
};

struct bench_row {
	enum bench_op op;
	enum bench_state state;
	u32 targets, n;
	u64 min, p50, p99, max; /* TSC ticks */
	bool exits_known;
	u64 exits, sender_exits; /* of all operations together */
	u32 not_halted;          /* operations before which not each target was seen to halt */
	struct bench_way way;
};

/* One row: the operation n times on `mask`, in a thread of its own bound to config->cpu. */
int bench_measure(const struct bench_config *config, const struct cpumask *mask,
                  struct bench_row *row);

/* The first k of the other CPUs that are online. */
void bench_mask(struct cpumask *mask, u32 sender, u32 k);

/* Threads that keep the CPUs of the mask busy, from start until stop. */
int bench_spinners_start(const struct cpumask *mask);
void bench_spinners_stop(void);

/* How often each CPU of the mask has halted, noted; how many of them have halted since. */
void bench_note_halts(const struct cpumask *mask);
u32 bench_halted(const struct cpumask *mask);

/* CPUs that are online now count as having been so: what the tables say of shorthands wants it. */
void bench_note_online(void);

void bench_show_table(struct seq_file *m, const struct bench_row *rows, u32 count);
void bench_show_json(struct seq_file *m, const struct bench_row *rows, u32 count);

#endif
