/* SPDX-License-Identifier: MIT */
/* The two rows of the APIC's table of functions: MMIO and MSRs. */
#include "guest-tools/lib/apic.h"

static void xapic_ops_send(u32 destination, u32 icr_low)
{
	while (xapic_read(APIC_ICR) & ICR_PENDING)
		cpu_relax();
	xapic_send(destination, icr_low);
}

static u32 xapic_ops_read(enum apic_register reg)
{
	return xapic_read(reg);
}

static void xapic_ops_write(enum apic_register reg, u32 value)
{
	xapic_write(reg, value);
}

static u32 xapic_ops_id(void)
{
	return xapic_read(APIC_ID) >> 24;
}

static u32 xapic_ops_logical_id(void)
{
	return xapic_read(APIC_LDR) >> 24;
}

const struct apic_ops xapic_ops = {
	.name = "xapic",
	.read = xapic_ops_read,
	.write = xapic_ops_write,
	.send = xapic_ops_send,
	.id = xapic_ops_id,
	.logical_id = xapic_ops_logical_id,
};

static u32 x2apic_ops_read(enum apic_register reg)
{
	return (u32)rdmsr(x2apic_msr(reg));
}

static void x2apic_ops_write(enum apic_register reg, u32 value)
{
	wrmsr(x2apic_msr(reg), value);
}

static void x2apic_ops_send(u32 destination, u32 icr_low)
{
	fence_before_x2apic_write();
	x2apic_send(destination, icr_low);
}

static u32 x2apic_ops_id(void)
{
	return x2apic_ops_read(APIC_ID);
}

static u32 x2apic_ops_logical_id(void)
{
	return x2apic_ops_read(APIC_LDR);
}

const struct apic_ops x2apic_ops = {
	.name = "x2apic",
	.read = x2apic_ops_read,
	.write = x2apic_ops_write,
	.send = x2apic_ops_send,
	.id = x2apic_ops_id,
	.logical_id = x2apic_ops_logical_id,
};
