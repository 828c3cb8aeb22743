/* SPDX-License-Identifier: MIT */
/*
 * Atomics, as thin names over the compiler's builtins, so that the same source runs in ring 0, in a
 * guest, on host threads and under ThreadSanitizer.
 *
 * Every read-modify-write here is sequentially consistent: on x86 it is a locked instruction and
 * thereby a full fence, which the delivery protocol (docs/architecture.md) relies on. Plain stores
 * that need that fence use atomic_store_fence (an XCHG).
 */
#ifndef HV_BASE_ATOMIC_H
#define HV_BASE_ATOMIC_H

#include "hv/base/types.h"

#define atomic_load(p)             __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_store(p, v)         __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define atomic_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
/* A store that no later load may overtake. */
#define atomic_store_fence(p, v) ((void)__atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_swap(p, v)        __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or(p, v)          __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_and(p, v)         __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define atomic_add(p, v)         __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fence()           __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Replaces *p == *expected by v; on failure *expected is what was there. */
#define atomic_cas(p, expected, v)                                                                 \
	__atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#endif
