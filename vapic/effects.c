// SPDX-License-Identifier: MIT
/* Side effects of register reads and writes; rows of regs.c point here. */
#include "vapic/regs.h"

u32 read_apr(const struct vapic *a, UNUSED const struct reg_io *io)
{
	return vapic_apr(a);
}

u32 read_ppr(const struct vapic *a, UNUSED const struct reg_io *io)
{
	return vapic_ppr(a);
}

u32 read_isr(const struct vapic *a, const struct reg_io *io)
{
	return isr_seen(a, (io->offset - APIC_ISR) / 16);
}

u32 read_irr(const struct vapic *a, const struct reg_io *io)
{
	return irr_seen(a, (io->offset - APIC_IRR) / 16);
}

u32 write_tpr(struct vapic *a, const struct reg_io *io)
{
	a->reg[io->offset / 4] = io->value;
	return a->irr_words != 0 ? VAPIC_SELF : VAPIC_OK;
}

u32 write_eoi(struct vapic *a, const struct reg_io *io)
{
	return vapic_eoi(a, io->fx);
}

u32 write_ldr(struct vapic *a, const struct reg_io *io)
{
	a->reg[io->offset / 4] = io->value;
	route_publish(a);
	return VAPIC_OK;
}

/* Stores DFR with bits 27:0 set, as they read. */
u32 write_dfr(struct vapic *a, const struct reg_io *io)
{
	a->reg[io->offset / 4] = io->value | 0x0fffffff;
	route_publish(a);
	return VAPIC_OK;
}

/*
 * Disabling masks every local interrupt, and keeps what has arrived. What senders post before they
 * see it is taken now, so that vapic_pull() may ignore all that it finds later. The state before is
 * what was published: the register may have been overwritten by the processor (vapic_apic_write).
 */
u32 write_svr(struct vapic *a, const struct reg_io *io)
{
	bool enabled = (a->vm->route[a->index] & VAPIC_ROUTE_ENABLED) != 0;

	a->reg[io->offset / 4] = io->value;
	route_publish(a);
	if (enabled == ((io->value & APIC_SVR_ENABLE) != 0))
		return VAPIC_OK;
	if (!enabled)
		return VAPIC_MODE;
	lvt_mask_all(a);
	(void)mail_take(a);
	return a->irr_words != 0 ? VAPIC_SELF | VAPIC_MODE : VAPIC_MODE;
}

/*
 * Any write shows the errors logged since the last write, and lets the error entry fire again.
 */
u32 write_esr(struct vapic *a, const struct reg_io *io)
{
	a->reg[io->offset / 4] = a->esr_log;
	a->esr_log = 0;
	a->esr_armed = 1;
	return VAPIC_OK;
}

u32 write_icr_low(struct vapic *a, const struct reg_io *io)
{
	return vapic_icr_write_low(a, io->value, io->fx);
}

/* Keeps a disabled APIC's entries masked; remote IRR goes when the pin turns to edge. */
static u32 lvt_value(const struct vapic *a, u32 offset, u32 value)
{
	if (value & APIC_LVT_LEVEL)
		value |= a->reg[offset / 4] & APIC_LVT_REMOTE_IRR;
	return apic_enabled(a) ? value : value | APIC_LVT_MASKED;
}

u32 write_lvt(struct vapic *a, const struct reg_io *io)
{
	a->reg[io->offset / 4] = lvt_value(a, io->offset, io->value);
	return VAPIC_OK;
}

u32 write_lvt_timer(struct vapic *a, const struct reg_io *io)
{
	return timer_set_lvt(a, lvt_value(a, io->offset, io->value));
}

u32 write_self_ipi(struct vapic *a, const struct reg_io *io)
{
	return vapic_self_ipi(a, io->value, io->fx);
}
