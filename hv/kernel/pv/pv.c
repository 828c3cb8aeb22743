/* SPDX-License-Identifier: MIT */
/* The MSRs of pv=kvm: numbers, what each takes, where its memory is. */
#include "hv/kernel/pv/pv.h"

#include "hv/abi/hypercall.h"
#include "hv/base/atomic.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/vm/vm.h"

/* What an address names, aligned to `align`; NULL: nothing is shared, which KVM does not tell. */
static void *place(struct vcpu *vcpu, u64 gpa, u64 size, u64 align)
{
	void *at = gpa % align == 0 ? guest_pointer(vcpu, gpa, size) : NULL;

	if (at == NULL)
		guest_refused(vcpu, COUNT_MEMORY_REFUSED, gpa);
	return at;
}

/* The same for an MSR with the enable bit. */
static void *enabled(struct vcpu *vcpu, u64 value, u64 size, u64 align)
{
	if ((value & PV_ENABLED) == 0)
		return NULL;
	vcpu->pv.scale = pv_scale(clock_get()->tsc_hz);
	return place(vcpu, value & ~(u64)PV_ENABLED, size, align);
}

/* Where what was written to an MSR is kept for reading; NULL: no MSR of ours. */
static u64 *kept(struct vcpu *vcpu, u32 msr)
{
	if ((vcpu->vm->config.features & VM_PV_KVM) == 0)
		return NULL;
	switch (msr) {
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_WALL_CLOCK:
		return &vcpu->vm->wall_clock_msr;
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_SYSTEM_TIME:
		return &vcpu->pv.clock_msr;
	case MSR_KVM_STEAL_TIME:
		return &vcpu->pv.steal_msr;
	case MSR_KVM_PV_EOI:
		return &vcpu->pv.eoi_msr;
	default:
		return NULL;
	}
}

/* The one MSR that faults, as KVM's does, if its address names nothing. */
static bool write_eoi_msr(struct vcpu *vcpu, u64 value)
{
	u8 *flag = enabled(vcpu, value, sizeof(u32), sizeof(u32));

	if (flag == NULL && (value & PV_ENABLED) != 0)
		return false;
	pv_eoi_use(vcpu, flag);
	return true;
}

bool pv_msr_write(struct vcpu *vcpu, u32 msr, u64 value)
{
	struct pv *pv = &vcpu->pv;
	u64 *at = kept(vcpu, msr);

	if (at == NULL || (at == &pv->eoi_msr && !write_eoi_msr(vcpu, value)))
		return false;
	atomic_store(at, value);
	if (at == &vcpu->vm->wall_clock_msr) {
		pv_wall_clock_write(place(vcpu, value, sizeof(struct pv_wall_clock), 4));
	} else if (at == &pv->clock_msr) {
		pv->clock = enabled(vcpu, value, sizeof(*pv->clock), 4);
		pv_clock_write(vcpu, 0);
	} else if (at == &pv->steal_msr) {
		pv->steal = enabled(vcpu, value, sizeof(*pv->steal), sizeof(*pv->steal));
		pv_steal_begin(vcpu);
	}
	return true;
}

bool pv_msr_read(struct vcpu *vcpu, u32 msr, u64 *value)
{
	const u64 *at = kept(vcpu, msr);

	if (at != NULL)
		*value = atomic_load(at);
	return at != NULL;
}

void pv_reset(struct vcpu *vcpu)
{
	pv_eoi_use(vcpu, NULL);
	vcpu->pv = (struct pv){ 0 };
}
