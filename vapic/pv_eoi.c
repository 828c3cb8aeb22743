// SPDX-License-Identifier: MIT
/*
 * vapic_pv_eoi_settle() carries out the EOI that the guest has skipped, before any entry. Nothing
 * can tell that it comes late: an EOI by register meanwhile takes the highest bit of ISR and leaves
 * the next one to settle, so that both are gone in the end; reads of ISR, PPR and APR go by what
 * the guest has done (isr_seen); and no vector is accepted in between.
 */
#include "vapic/pv_eoi.h"

#include "vapic/internal.h"

void vapic_pv_eoi_offer(struct vapic *a, u8 *flag)
{
	if (a->eoi_flag != NULL || !vapic_eoi_skippable(a))
		return;
	atomic_store_relaxed(flag, (u8)1);
	a->eoi_flag = flag;
}

void vapic_pv_eoi_withdraw(struct vapic *a)
{
	if (a->eoi_flag != NULL)
		atomic_store_relaxed(a->eoi_flag, (u8)0);
	a->eoi_flag = NULL;
}

u32 vapic_pv_eoi_settle(struct vapic *a, struct vapic_effects *fx)
{
	if (a->eoi_flag == NULL)
		return VAPIC_OK;
	if (!flag_is_set(a->eoi_flag)) {
		a->eoi_flag = NULL;
		return vapic_eoi(a, fx) | VAPIC_SKIPPED;
	}
	if (!vapic_eoi_skippable(a))
		vapic_pv_eoi_withdraw(a);
	return VAPIC_OK;
}
