/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/smp.h"

#define PORT_PIC_MASK1 0x21
#define PORT_PIC_MASK2 0xa1

const struct apic_ops *apic = &xapic_ops;

bool apic_has_x2apic(void)
{
	return cpuid(1, 0).ecx >> 21 & 1;
}

const struct apic_ops *apic_current(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC ? &x2apic_ops : &xapic_ops;
}

/* CPU n of the flat model answers to bit n, those beyond the eighth to none. */
static void apic_set_flat(void)
{
	u32 index = this_cpu()->index;

	xapic_write(APIC_DFR, DFR_FLAT);
	xapic_write(APIC_LDR, index < 8 ? 1u << (24 + index) : 0);
}

static void on_wake(struct interrupt_frame *frame)
{
	(void)frame;
	/* This interrupt may come while the CPUs change mode one by one. */
	apic_current()->write(APIC_EOI, 0);
}

static void on_spurious(struct interrupt_frame *frame)
{
	(void)frame;
}

void apic_cpu_setup(void)
{
	apic_cpu_use(apic);
}

void apic_init(void)
{
	/* The firmware's timer must not come in by the old interrupt controllers. */
	outb(PORT_PIC_MASK1, 0xff);
	outb(PORT_PIC_MASK2, 0xff);
	apic = apic_current();
	interrupt_handle(VECTOR_WAKE, on_wake);
	interrupt_handle(VECTOR_SPURIOUS, on_spurious);
	apic_cpu_setup();
}

/*
 * Disabled is left only for xAPIC mode, and x2APIC mode only for disabled (SDM 3A 10.12.5), so
 * the way from x2APIC back to xAPIC has a step more.
 */
static void apic_base_change(const struct apic_ops *ops)
{
	u64 base = rdmsr(MSR_APIC_BASE) & ~(u64)(APIC_BASE_X2APIC | APIC_BASE_ENABLE);

	if (apic_current() == &x2apic_ops && ops == &xapic_ops)
		wrmsr(MSR_APIC_BASE, base);
	if (apic_current() == &xapic_ops)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	if (ops == &x2apic_ops)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

void apic_cpu_use(const struct apic_ops *ops)
{
	apic_base_change(ops);
	ops->write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	ops->write(APIC_TPR, 0);
	ops->write(APIC_LVT_LINT0, LVT_MASKED);
	if (ops == &xapic_ops)
		apic_set_flat();
	this_cpu()->apic_id = ops->id();
}

static void apic_use_job(void *arg)
{
	u64 flags = read_flags();

	interrupts_off();
	apic_cpu_use(arg);
	if (flags & RFLAGS_IF)
		interrupts_on();
}

bool apic_use(const struct apic_ops *ops)
{
	if (ops == &x2apic_ops && !apic_has_x2apic())
		return false;
	if (ops != apic)
		smp_run_all(apic_use_job, (void *)ops);
	apic = ops;
	return true;
}

bool apic_wait_vector(enum apic_register reg, u32 vector, bool wanted, u64 ticks)
{
	u64 start = rdtsc();

	while (apic_vector_is_set(reg, vector) != wanted) {
		if (rdtsc() - start > ticks)
			return false;
		cpu_relax();
	}
	return true;
}
