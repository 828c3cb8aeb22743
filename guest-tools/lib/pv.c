/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/pv.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/hypercall.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/smp.h"
#include "hv/base/atomic.h"

struct access {
	u32 msr;
	u64 value;
};

bool pv_has(u32 feature)
{
	return hypervisor.kvm_features >> feature & 1;
}

static void do_write(void *arg)
{
	const struct access *a = arg;

	wrmsr(a->msr, a->value);
}

static void do_read(void *arg)
{
	struct access *a = arg;

	a->value = rdmsr(a->msr);
}

bool pv_write_msr(u32 msr, u64 value)
{
	struct access a = { msr, value };

	return trap_call(do_write, &a) == -1;
}

bool pv_read_msr(u32 msr, u64 *value)
{
	struct access a = { msr, 0 };
	int vector = trap_call(do_read, &a);

	*value = a.value;
	return vector == -1;
}

u64 pv_clock_at(const struct pv_clock *clock, u64 tsc)
{
	u64 ticks = tsc - clock->tsc_timestamp;

	ticks = clock->shift < 0 ? ticks >> -clock->shift : ticks << clock->shift;
	return clock->system_time + (u64)((unsigned __int128)ticks * clock->mul >> 32);
}

u64 pv_clock_now(const struct pv_clock *clock)
{
	u32 version;
	u64 ns;

	do {
		version = atomic_load(&clock->version);
		ns = pv_clock_at(clock, rdtsc_ordered());
		compiler_barrier();
	} while ((version & 1) != 0 || version != atomic_load(&clock->version));
	return ns;
}

u64 pv_steal_read(const struct pv_steal *steal, u32 *version)
{
	u64 ns;

	do {
		*version = atomic_load(&steal->version);
		ns = atomic_load(&steal->steal);
	} while ((*version & 1) != 0 || *version != atomic_load(&steal->version));
	return ns;
}

u64 pv_msr_after_init(u32 msr)
{
	struct access a = { msr, ~0ull };
	u32 last = cpu_count() - 1;

	atomic_store(&cpus[last].online, false);
	smp_init_sipi(cpus[last].apic_id);
	if (!smp_wait_online(last + 1, 20000000000ull))
		return ~0ull;
	smp_post(last, do_read, &a);
	smp_wait(last);
	return a.value;
}
