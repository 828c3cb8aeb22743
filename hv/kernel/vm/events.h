/* SPDX-License-Identifier: MIT */
/*
 * What ring 0 has to tell root: a ring of events, and one flag for "there is output". Any core.
 */
#ifndef HV_VM_EVENTS_H
#define HV_VM_EVENTS_H

#include "hv/abi/message.h"
#include "hv/base/types.h"
#include "hv/kernel/sched/task.h"

/* Queues a copy and wakes root. When the ring is full the event is dropped and counted. */
void events_push(const struct root_event *event);

/* The task that takes the events and is signalled; NULL: it has ended. */
void events_set_reader(struct task *task);
MUST_USE bool events_are_read(void);

/* Some console has output: wakes root. */
void events_output(void);

/* Root's core: the next event, if any. */
MUST_USE bool events_take(struct root_event *event);

#endif
