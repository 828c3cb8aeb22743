/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/root/root.h"

bool slot_is_mapped(const struct slot *s)
{
	return s->state != SLOT_EMPTY && s->state != SLOT_LEAVING;
}

struct slot *slot_find(struct root *r, struct word name)
{
	for (u32 i = 0; i < r->slots; i++)
		if (word_is(name, slot_name(&r->slot[i])))
			return &r->slot[i];
	return NULL;
}

struct slot *slot_by_id(struct root *r, u32 id)
{
	for (u32 i = 0; i < r->slots; i++)
		if (r->slot[i].state != SLOT_EMPTY && r->slot[i].id == id)
			return &r->slot[i];
	return NULL;
}

const char *slot_name(const struct slot *s)
{
	return s->plan->config.name;
}

const char *slot_state_name(const struct slot *s)
{
	static const char *const names[SLOT_STATES] = {
		[SLOT_EMPTY] = "gone",      [SLOT_CREATED] = "waits",     [SLOT_RUNNING] = "runs",
		[SLOT_PAUSED] = "paused",   [SLOT_STOPPING] = "stopping", [SLOT_ENDED] = "ended",
		[SLOT_LEAVING] = "leaving",
	};

	return names[s->state];
}

const char *slot_state_text(const struct slot *s)
{
	static const char *const texts[SLOT_STATES] = {
		[SLOT_EMPTY] = "is not there",
		[SLOT_CREATED] = "has not been started",
		[SLOT_RUNNING] = "runs",
		[SLOT_PAUSED] = "is paused",
		[SLOT_STOPPING] = "is being stopped",
		[SLOT_ENDED] = "has ended",
		[SLOT_LEAVING] = "is going",
	};

	return texts[s->state];
}

bool slots_all_still(const struct root *r)
{
	for (u32 i = 0; i < r->slots; i++)
		if (r->slot[i].state != SLOT_CREATED && r->slot[i].state != SLOT_ENDED &&
		    r->slot[i].state != SLOT_EMPTY)
			return false;
	return true;
}

bool slots_all_ended(const struct root *r)
{
	for (u32 i = 0; i < r->slots; i++)
		if (r->slot[i].state != SLOT_ENDED && r->slot[i].state != SLOT_EMPTY)
			return false;
	return true;
}
