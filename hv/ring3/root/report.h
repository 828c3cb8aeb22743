/* SPDX-License-Identifier: MIT */
/*
 * What the counters say: tables for people, lines for programs, and the verdict. Pure: reads
 * counters (hv/abi/counters.h) wherever they lie, writes to a sink.
 *
 * While a VM runs, its counters change under the reader: tables are then as good as a glance. The
 * verdict is for VMs that have ended.
 */
#ifndef HV_ROOT_REPORT_H
#define HV_ROOT_REPORT_H

#include "hv/abi/process.h"
#include "hv/ring3/rt/out.h"

struct report_vm {
	char name[VM_NAME_LEN];
	u32 id, vcpus;
	u32 end; /* enum vm_end */
	u64 value;
	const u8 *counters; /* of vCPU 0; the others' COUNTERS_STRIDE apart */
};

struct report {
	const char *unit;      /* "ticks" or "cycles" */
	const char *unit_text; /* the same as a sentence */
	u32 vms;
	struct report_vm vm[MAX_VMS];
	char culprit[MAX_VMS][VM_NAME_LEN]; /* by VM id; "" for those that never were */
	const struct vcpu_counters *host;   /* root's own, or NULL */
	u32 cores;
	const u8 *core_counters; /* of core 0; the others' PAGE_SIZE apart */
	u64 stretch_bound;       /* of ring 0 with interrupts off; 0: none is asked for */
	bool complete;           /* no VM's counters are gone: the cores' times must add up */
};

static inline const struct vcpu_counters *report_vcpu(const struct report_vm *vm, u32 vcpu)
{
	return (const struct vcpu_counters *)(const void *)(vm->counters + vcpu * COUNTERS_STRIDE);
}

static inline const struct core_counters *report_core(const struct report *r, u32 core)
{
	return (const struct core_counters *)(const void *)(r->core_counters + core * PAGE_SIZE);
}

/* --- sums over the vCPUs of a VM (totals.c) --- */

struct exit_counter total_exit(const struct report_vm *vm, u32 reason);
struct ipi_counter total_ipi(const struct report_vm *vm, u32 path);
u64 vcpu_exits(const struct vcpu_counters *c);
u64 total_blame(const struct report_vm *vm, u32 culprit, u32 cause);
u64 total_time(const struct report_vm *vm, u32 time);
u64 total_event(const struct report_vm *vm, u32 event);

/* Where a core's time went: idle + vms + host == wall, unless a VM's counters are gone. */
struct core_times {
	u64 wall, idle, vms, host;
};
struct core_times total_core(const struct report *r, u32 core);

/* --- tables for people; `vm` == NULL: all (report_text.c, report_time.c) --- */

void report_exits(const struct report *r, const struct report_vm *vm, struct out *out);
void report_ipis(const struct report *r, const struct report_vm *vm, struct out *out);
void report_events(const struct report *r, const struct report_vm *vm, struct out *out);
void report_blame(const struct report *r, struct out *out);
void report_times(const struct report *r, struct out *out);
void report_cores(const struct report *r, struct out *out);
void report_stretches(const struct report *r, struct out *out);
void report_trace(const struct report *r, struct out *out);

/* --- what a VM asked for in vain: at most REFUSALS, in the order of time (refused.c) --- */

u32 report_refusals(const struct report_vm *vm, struct refusal list[REFUSALS]);
void report_refused(const struct report_vm *vm, struct out *out);
void report_refused_lines(const struct report_vm *vm, struct out *out);

/* --- lines for programs (report_json.c): all rows of one VM; of the machine --- */

void report_vm_lines(const struct report *r, const struct report_vm *vm, struct out *out);
void report_core_lines(const struct report *r, struct out *out);

/* The member "stretch" of a core's line. */
void report_stretch_member(const struct report *r, u32 core, struct out *out);

/* --- the verdict (verdict.c) --- */

/* Each failed condition as one line of words; returns how many there are. */
u32 verdict_vm(const struct report_vm *vm, struct out *out);
u32 verdict_cores(const struct report *r, struct out *out);
u32 verdict_stretches(const struct report *r, struct out *out);

#endif
