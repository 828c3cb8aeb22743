/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/events.h"

#include "hv/base/atomic.h"
#include "hv/base/spinlock.h"
#include "hv/kernel/sched/sched.h"

/* A VM has at most three at a time: refused, ended, gone. More come only if root does not look. */
#define EVENTS (4 * MAX_VMS)

static struct spinlock lock;
static struct root_event ring[EVENTS];
static u32 first, used; /* under the lock */
static u64 lost;        /* under the lock: since the last event that got in */
static u32 output;      /* atomic flag */

static struct task *reader; /* atomic */

void events_set_reader(struct task *task)
{
	atomic_store_fence(&reader, task);
}

bool events_are_read(void)
{
	return atomic_load(&reader) != NULL;
}

static void wake_root(void)
{
	struct task *root = atomic_load(&reader);

	if (root != NULL)
		sched_request(root, REQUEST_SIGNAL);
}

void events_push(const struct root_event *event)
{
	spin_lock(&lock);
	if (used < EVENTS) {
		struct root_event *slot = &ring[(first + used++) % EVENTS];

		*slot = *event;
		slot->lost = lost;
		lost = 0;
	} else {
		lost++;
		atomic_store(&output, 1u); /* so that there is an event after the last that fits */
	}
	spin_unlock(&lock);
	wake_root();
}

void events_output(void)
{
	if (atomic_swap(&output, 1u) == 0)
		wake_root();
}

bool events_take(struct root_event *event)
{
	bool found = true;

	spin_lock(&lock);
	if (used > 0) {
		*event = ring[first];
		first = (first + 1) % EVENTS;
		used--;
	} else if (atomic_swap(&output, 0u) != 0) {
		*event = (struct root_event){ .kind = ROOT_EVENT_OUTPUT, .lost = lost };
		lost = 0;
	} else {
		found = false;
	}
	spin_unlock(&lock);
	return found;
}
