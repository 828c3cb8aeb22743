/* SPDX-License-Identifier: MIT */
/*
 * A ticket lock: cores get it in the order in which they asked.
 *
 * Zero is the unlocked state. Not recursive. Interrupts are off in ring 0 anyway; whatever an NMI
 * handler may take must not be taken elsewhere (the crash report therefore bypasses locks).
 */
#ifndef HV_BASE_SPINLOCK_H
#define HV_BASE_SPINLOCK_H

#include "hv/base/atomic.h"
#include "hv/base/types.h"

struct spinlock {
	u32 next;  /* the ticket that the next comer draws */
	u32 owner; /* the ticket that may enter */
};

static ALWAYS_INLINE void spin_lock(struct spinlock *lock)
{
	u32 ticket = atomic_add(&lock->next, 1u);

	while (unlikely(atomic_load(&lock->owner) != ticket))
		__builtin_ia32_pause();
}

/* Only the holder calls this, so the increment need not be atomic; the store releases. */
static ALWAYS_INLINE void spin_unlock(struct spinlock *lock)
{
	atomic_store(&lock->owner, atomic_load_relaxed(&lock->owner) + 1u);
}

#endif
