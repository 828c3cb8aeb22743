/* SPDX-License-Identifier: MIT */
/* A view of any physical address, for tests that reach beyond the identity map. CPU 0 only. */
#ifndef GUEST_WINDOW_H
#define GUEST_WINDOW_H

#include "hv/base/types.h"

#define WINDOW_BYTES 0x200000ul /* seen at a time, from a multiple of this; as much follows */

/* The end of RAM below 4 GiB, as the machine tells it: a hole begins there. */
u64 memory_hole(void);

/* Where that address is seen until the next call. The address itself is not checked. */
void *window_at(u64 physical);

/* Puts an entry into the page directory behind the window: for tests with broken tables. */
void *window_entry(u64 entry);

#endif
