/* SPDX-License-Identifier: MIT */
/*
 * The time that a guest is told by memory: KVM's clocks and steal time.
 *
 * All clocks of the machine are the TSC: system time is 0 when the host's TSC is 0, on every vCPU
 * of every VM. So a page says how far its vCPU's TSC is from the host's and nothing else, and it is
 * written when it is announced, when a TSC of the VM was written, and after a pause.
 */
#include "hv/kernel/pv/pv.h"

#include "hv/base/atomic.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"

/*
 * An odd version says that what follows is half written. The stores of a structure are releases,
 * so none overtakes one before it. Partner: the reader, who looks at the version before and after.
 */
static u32 begin(u32 *version)
{
	u32 odd = (atomic_load_relaxed(version) + 1) | 1;

	atomic_store(version, odd);
	return odd;
}

static void end(u32 *version, u32 odd)
{
	atomic_store(version, odd + 1);
}

/* ---- clocks ---- */

/* A reader on one vCPU may use another's page, if they say the same. */
static bool clocks_agree(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	for (u32 i = 0; i < vm->config.vcpus; i++)
		if (atomic_load_relaxed(&vm->vcpu[i]->tsc_offset) != vcpu->tsc_offset)
			return false;
	return clock_get()->invariant;
}

void pv_clock_write(struct vcpu *vcpu, u8 flag)
{
	struct pv_clock *clock = vcpu->pv.clock;
	u32 odd;

	if (clock == NULL)
		return;
	flag |= atomic_load_relaxed(&clock->flags) & PV_CLOCK_STOPPED;
	if (clocks_agree(vcpu))
		flag |= PV_CLOCK_STABLE;
	odd = begin(&clock->version);
	atomic_store(&clock->tsc_timestamp, vcpu->tsc_offset);
	atomic_store(&clock->system_time, 0ull);
	atomic_store(&clock->mul, vcpu->pv.scale.mul);
	atomic_store(&clock->shift, vcpu->pv.scale.shift);
	atomic_store(&clock->flags, flag);
	end(&clock->version, odd);
}

void pv_tsc_written(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	for (u32 i = 0; i < vm->config.vcpus; i++)
		if (vm->vcpu[i] != vcpu && (vm->config.features & VM_PV_KVM) != 0)
			sched_request(&vm->vcpu[i]->task, REQUEST_CLOCK);
	pv_clock_write(vcpu, 0);
}

void pv_wall_clock_write(struct pv_wall_clock *clock)
{
	u32 odd;

	if (clock == NULL)
		return;
	odd = begin(&clock->version);
	atomic_store(&clock->seconds, BOOT_TIME);
	atomic_store(&clock->nanoseconds, 0u);
	end(&clock->version, odd);
}

/* ---- steal time ---- */

static void write_steal(struct vcpu *vcpu, u64 ticks)
{
	struct pv_steal *steal = vcpu->pv.steal;
	u32 odd = begin(&steal->version);

	atomic_store(&steal->steal, pv_nanoseconds(vcpu->pv.scale, ticks));
	end(&steal->version, odd);
	vcpu->pv.stolen = ticks;
}

static u64 stolen(const struct vcpu *vcpu)
{
	return vcpu->task.counters->time[TIME_READY] + vcpu->task.counters->time[TIME_TAKEN];
}

void pv_steal_begin(struct vcpu *vcpu)
{
	if (vcpu->pv.steal == NULL)
		return;
	atomic_store(&vcpu->pv.steal->preempted, (u8)0);
	write_steal(vcpu, stolen(vcpu));
}

/*
 * While its monitor is at work for it the vCPU is in the middle of an instruction, whose addresses
 * may be translated already: then another vCPU may not leave it to us to drop its translations.
 */
void pv_leave(struct vcpu *vcpu)
{
	if (likely(vcpu->pv.steal == NULL))
		return;
	if (!vcpu->task.thread.busy)
		atomic_store(&vcpu->pv.steal->preempted, (u8)PV_STEAL_PREEMPTED);
	atomic_or(&vcpu->task.requests, REQUEST_STEAL);
}

/*
 * Barrier: the exchange is a full fence between the guest's time off its core and the flush.
 * Partner: the guest, which changes its page tables before it adds PV_STEAL_FLUSH by a locked
 * CMPXCHG. Either that finds PREEMPTED gone, and the guest sends an interrupt as ever, or we find
 * its bit here, before this vCPU translates anything.
 */
static void come_back(struct vcpu *vcpu)
{
	struct pv_steal *steal = vcpu->pv.steal;

	if (steal == NULL)
		return;
	if ((atomic_swap(&steal->preempted, (u8)0) & PV_STEAL_FLUSH) != 0)
		pv_flush_own(vcpu);
	if (stolen(vcpu) != vcpu->pv.stolen)
		write_steal(vcpu, stolen(vcpu));
}

void pv_take_requests(struct vcpu *vcpu, u32 requests)
{
	if ((requests & REQUEST_FLUSH) != 0)
		pv_flush_own(vcpu);
	if ((requests & REQUEST_STEAL) != 0)
		come_back(vcpu);
	if ((requests & REQUEST_PAUSE) != 0 && !vcpu->paused)
		pv_clock_write(vcpu, PV_CLOCK_STOPPED);
	if ((requests & REQUEST_CLOCK) != 0)
		pv_clock_write(vcpu, 0);
}
