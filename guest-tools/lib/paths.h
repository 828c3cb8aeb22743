/* SPDX-License-Identifier: MIT */
/*
 * The ways an IPI can be asked for. A plan is made beforehand, outside what is timed: the register
 * writes or hypercalls that reach a set of targets; sending it is a loop over them.
 */
#ifndef GUEST_PATHS_H
#define GUEST_PATHS_H

#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/smp.h"
#include "hv/abi/hypercall.h"

enum plan_kind {
	PLAN_SET,       /* the targets listed */
	PLAN_BROADCAST, /* all but self: the shorthand where the path has one */
	PLAN_SELF,
};

struct plan_step {
	u64 bits[2]; /* hypercalls: target bitmap */
	u32 base;    /* hypercalls: APIC ID of bit 0; others: destination */
	u32 icr;     /* ICR low word */
};

struct plan {
	u32 steps;
	struct plan_step step[MAX_CPUS];
};

struct send_path {
	const char *name;
	bool (*offered)(void);
	const struct apic_ops *mode; /* NULL: any */
	void (*build)(struct plan *plan, enum plan_kind kind, const u32 *targets, u32 n,
	              u32 vector);
	void (*send)(const struct plan *plan);
};

extern const struct send_path send_paths[];
extern const u32 send_paths_count;

/* True if name is in the comma-separated list, or the list is "all". */
bool name_in_list(const char *name, const char *list);

#endif
