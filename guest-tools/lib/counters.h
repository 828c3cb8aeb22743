/* SPDX-License-Identifier: MIT */
/*
 * How many VM exits there were, from the counters pages that Tapvisor maps into a guest that asked
 * for them (counters=on). Reading them causes no exit. CPU 0 only.
 */
#ifndef GUEST_COUNTERS_H
#define GUEST_COUNTERS_H

#include "hv/abi/counters.h"
#include "hv/base/types.h"

/* NULL where there are none. */
const struct vcpu_counters *counters_of(u32 vcpu);

struct exit_count {
	bool known;
	u64 own; /* of CPU 0 */
	u64 all; /* of all CPUs that are online */
};

struct exit_count counters_exits(void);

/* after - before. */
struct exit_count counters_since(struct exit_count before);

#endif
