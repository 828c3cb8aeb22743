// SPDX-License-Identifier: MIT
/* Decoders: one structure for every interrupt message, from ICR, MSR or MSI. */
#include "vapic/internal.h"

/* Decodes the low half, which is alike in both modes. */
static struct vapic_icr decode(u32 low, u32 dest, u32 flags)
{
	if (low & APIC_ICR_LOGICAL)
		flags |= VAPIC_ICR_LOGICAL;
	if (low & APIC_ICR_LEVEL)
		flags |= VAPIC_ICR_LEVEL;
	if (low & APIC_ICR_ASSERT)
		flags |= VAPIC_ICR_ASSERT;
	return (struct vapic_icr){
		.dest = dest,
		.vector = (u8)low,
		.mode = low >> 8 & 7,
		.shorthand = low >> 18 & 3,
		.flags = (u8)flags,
	};
}

struct vapic_icr vapic_icr_xapic(u32 low, u32 high)
{
	return decode(low, high >> 24, 0);
}

struct vapic_icr vapic_icr_x2apic(u64 value)
{
	return decode((u32)value, (u32)(value >> 32), VAPIC_ICR_WIDE);
}

/*
 * MSI (SDM volume 3A, "Message Signalled Interrupts"): address bits 19:12 destination, 3
 * redirection hint, 2 logical. Bits 11:5 are taken as destination bits 14:8, the extension that
 * hypervisors agree on for more than 255 CPUs without interrupt remapping. Data bits 14 and 15
 * stand as in the ICR.
 */
struct vapic_icr vapic_icr_msi(u64 address, u32 data)
{
	u32 dest = (u32)(bits_get(address, 19, 12) | bits_get(address, 11, 5) << 8);
	struct vapic_icr icr = decode(data & ~(APIC_ICR_SHORTHAND | APIC_ICR_LOGICAL), dest, 0);

	if (address & BIT(2))
		icr.flags |= VAPIC_ICR_LOGICAL;
	if ((address & BIT(3)) && icr.mode == VAPIC_DM_FIXED)
		icr.mode = VAPIC_DM_LOWEST;
	return icr;
}
