/* SPDX-License-Identifier: MIT */
/*
 * A lock among the threads of one program.
 *
 * A holder can lose its core to another VM: whoever waits therefore spins for a little while only,
 * then lets others run. Zero is the unlocked state. Not recursive, not fair.
 */
#ifndef HV_RT_LOCK_H
#define HV_RT_LOCK_H

#include "hv/base/atomic.h"
#include "hv/ring3/rt/sys.h"

struct lock {
	u32 held ALIGNED(CACHE_LINE);
};

#define LOCK_SPINS 200u

static inline void lock_take(struct lock *lock, const struct sys *s)
{
	u32 spins = 0;

	while (atomic_swap(&lock->held, 1u) != 0) {
		while (atomic_load_relaxed(&lock->held) != 0) {
			if (++spins % LOCK_SPINS == 0)
				sys_sleep(s, 0);
			__builtin_ia32_pause();
		}
	}
}

static inline void lock_drop(struct lock *lock)
{
	atomic_store(&lock->held, 0u);
}

#endif
