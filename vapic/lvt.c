// SPDX-License-Identifier: MIT
/* The local vector table, and the errors that one of its entries reports. */
#include "vapic/internal.h"
#include "vapic/mail.h"

static const u16 lvt_offset[VAPIC_LVT_COUNT] = {
	[VAPIC_LVT_CMCI] = APIC_CMCI,       [VAPIC_LVT_TIMER] = APIC_TIMER,
	[VAPIC_LVT_THERMAL] = APIC_THERMAL, [VAPIC_LVT_PMI] = APIC_PMI,
	[VAPIC_LVT_LINT0] = APIC_LINT0,     [VAPIC_LVT_LINT1] = APIC_LINT1,
	[VAPIC_LVT_ERROR] = APIC_ERROR,
};

/* The event that a delivery mode puts into the mailbox; none for fixed, SMI and reserved. */
static const u8 lvt_event[8] = {
	[VAPIC_DM_NMI] = VAPIC_EV_NMI,
	[VAPIC_DM_INIT] = VAPIC_EV_INIT,
	[VAPIC_DM_EXTINT] = VAPIC_EV_EXTINT,
};

static bool is_lint(u32 offset)
{
	return offset == APIC_LINT0 || offset == APIC_LINT1;
}

/* Remote IRR of a level-triggered pin is set until its EOI and holds the next interrupt back. */
static u32 raise_fixed(struct vapic *a, u32 offset)
{
	u32 *entry = &a->reg[offset / 4];
	u32 vector = *entry & 0xff;
	bool level = is_lint(offset) && (*entry & APIC_LVT_LEVEL) != 0;

	if (vector < APIC_FIRST_VECTOR)
		return esr_log(a, APIC_ESR_RECEIVE_ILLEGAL);
	if (level && (*entry & APIC_LVT_REMOTE_IRR))
		return VAPIC_OK;
	if (level)
		*entry |= APIC_LVT_REMOTE_IRR;
	irr_set(a, vector, level);
	return VAPIC_SELF;
}

u32 vapic_lvt_raise(struct vapic *a, enum vapic_lvt lvt)
{
	u32 offset = lvt_offset[lvt];
	u32 entry = a->reg[offset / 4];
	u32 mode = entry >> 8 & 7;

	if (entry & APIC_LVT_MASKED)
		return VAPIC_OK;
	if (lvt == VAPIC_LVT_PMI)
		a->reg[offset / 4] |= APIC_LVT_MASKED;
	if (mode == VAPIC_DM_FIXED)
		return raise_fixed(a, offset);
	if (lvt_event[mode] == 0)
		return VAPIC_OK;
	(void)mail_post_event(&a->mail, lvt_event[mode]);
	return VAPIC_SELF | VAPIC_EVENT;
}

void lvt_mask_all(struct vapic *a)
{
	for (u32 i = 0; i < VAPIC_LVT_COUNT; i++)
		a->reg[lvt_offset[i] / 4] |= APIC_LVT_MASKED;
}

void lvt_eoi(struct vapic *a, u32 vector)
{
	for (u32 offset = APIC_LINT0; offset <= APIC_LINT1; offset += 16) {
		if ((a->reg[offset / 4] & 0xff) == vector)
			a->reg[offset / 4] &= ~APIC_LVT_REMOTE_IRR;
	}
}

/*
 * The error entry fires once, then not before the guest writes ESR. An error entry whose own vector
 * is illegal is one more error and ends there: raising it once more would never end.
 */
u32 esr_log(struct vapic *a, u32 errors)
{
	u32 entry = a->reg[APIC_ERROR / 4];

	a->esr_log |= errors;
	if (!a->esr_armed || (entry & APIC_LVT_MASKED))
		return VAPIC_OK;
	a->esr_armed = 0;
	if ((entry & 0xff) < APIC_FIRST_VECTOR) {
		a->esr_log |= APIC_ESR_RECEIVE_ILLEGAL;
		return VAPIC_OK;
	}
	irr_set(a, entry & 0xff, false);
	return VAPIC_SELF;
}
