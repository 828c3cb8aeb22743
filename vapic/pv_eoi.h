/* SPDX-License-Identifier: MIT */
/*
 * KVM's PV EOI: bit 0 of a word in guest memory says that the next EOI may be skipped. Owner only.
 * docs/vapic.md tells why settling late is exact.
 */
#ifndef VAPIC_PV_EOI_H
#define VAPIC_PV_EOI_H

#include "vapic/vapic.h"

/* Sets the bit if the next EOI may be skipped. Call it before an entry, after vapic_accept(). */
void vapic_pv_eoi_offer(struct vapic *a, u8 *flag);

/*
 * Does the EOI if the guest has cleared the bit (returns SKIPPED, with SELF and EOI as vapic_eoi),
 * else clears the bit if the offer no longer holds. Call it after an exit, before vapic_next().
 */
u32 vapic_pv_eoi_settle(struct vapic *a, struct vapic_effects *fx) MUST_USE;

/* Clears the bit and forgets it. Settle first, unless the APIC is reset. */
void vapic_pv_eoi_withdraw(struct vapic *a);

#endif
