/* SPDX-License-Identifier: MIT */
/*
 * KVM's PV EOI: a word of the guest's whose bit 0 says that the next EOI may be skipped. All for
 * the owner; docs/vapic.md tells why this is exact.
 */
#ifndef VAPIC_PV_EOI_H
#define VAPIC_PV_EOI_H

#include "vapic/vapic.h"

/* Before an entry, after vapic_accept(): sets the bit if the next EOI may be skipped. */
void vapic_pv_eoi_offer(struct vapic *a, u8 *flag);

/*
 * After an exit, before vapic_next() and any entry: does the EOI if the guest has cleared the bit
 * (SKIPPED, with SELF and EOI as of vapic_eoi), else takes the offer back if it no longer holds.
 */
u32 vapic_pv_eoi_settle(struct vapic *a, struct vapic_effects *fx) MUST_USE;

/* Takes it back in any case; settle first, unless the APIC is reset. */
void vapic_pv_eoi_withdraw(struct vapic *a);

#endif
