// SPDX-License-Identifier: MIT
/* The APIC page as memory, in xAPIC mode. */
#include "vapic/regs.h"

/* Returns the row of an offset; reserved registers and all above the table have no access. */
static const struct reg *row(u32 offset)
{
	static const struct reg nothing;

	return offset / 16 < APIC_ROWS ? &regs[offset / 16] : &nothing;
}

u32 vapic_mmio_read(struct vapic *a, u32 offset, u32 size, u64 now, u64 *value)
{
	const struct reg *r = row(offset);
	u64 bytes;

	if (vapic_mode(a) != VAPIC_XAPIC) {
		*value = ~0ull;
		return VAPIC_MISS;
	}
	*value = 0;
	if (!(r->access & (R | W)))
		return esr_log(a, APIC_ESR_ILLEGAL_REGISTER);
	if (!(r->access & R) || offset % 16 >= 4)
		return VAPIC_OK;
	bytes = (u64)reg_read(a, r, offset & ~15u, now) >> (offset % 4 * 8);
	*value = size < 8 ? bytes & (BIT(size * 8) - 1) : bytes;
	return VAPIC_OK;
}

u32 vapic_mmio_write(struct vapic *a, u32 offset, u32 size, u64 value, u64 now,
                     struct vapic_effects *fx)
{
	const struct reg *r = row(offset);

	if (vapic_mode(a) != VAPIC_XAPIC)
		return VAPIC_MISS;
	if (!(r->access & (R | W)))
		return esr_log(a, APIC_ESR_ILLEGAL_REGISTER);
	if (!(r->access & W) || offset % 16 != 0 || size < 4)
		return VAPIC_OK;
	return reg_write(a, r, offset, (u32)value, now, fx);
}
