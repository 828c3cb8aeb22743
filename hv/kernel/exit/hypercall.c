/* SPDX-License-Identifier: MIT */
/* VMCALL: hv/abi/hypercall.h says what there is. Numbers and semantics of KVM's are KVM's. */
#include "hv/kernel/exit/advance.h"
#include "hv/abi/hypercall.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/ipi/deliver.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/exit/guest.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/mode.h"

struct arguments {
	u64 a0, a1, a2, a3;
	u32 word_bits; /* of the caller's mode: 64 or 32 */
};

static s64 refuse(struct vcpu *vcpu, s64 error)
{
	/* There are few numbers, and some benchmarks try one for ever: the first tell all. */
	if (unlikely(vcpu->counters->event[EVENT_HYPERCALL_REFUSED] < 4 * REFUSALS))
		guest_refused(vcpu, EVENT_HYPERCALL_REFUSED, vcpu->vmx.gpr[RAX]);
	else
		count(vcpu, EVENT_HYPERCALL_REFUSED);
	return error;
}

static s64 kvm_send_ipi(struct vcpu *vcpu, const struct arguments *arg)
{
	struct vapic_effects fx;
	s64 result;
	u32 todo = vapic_kvm_send_ipi(vcpu->apic, arg->a0, arg->a1, arg->a2, arg->a3,
	                              arg->word_bits, &result, &fx);

	if (result < 0)
		return refuse(vcpu, result);
	if ((todo & VAPIC_SENT) != 0)
		deliver(vcpu, IPI_HYPERCALL, (u32)arg->a3 >> 8, todo, &fx);
	return result;
}

/* A vCPU by its APIC ID; NULL: nobody's. */
static struct vcpu *by_apic_id(const struct vcpu *vcpu, u64 id)
{
	u32 index = id <= 0xffffffff ? vapic_index(&vcpu->vm->bus, (u32)id) : VAPIC_NONE;

	return index == VAPIC_NONE ? NULL : vcpu->vm->vcpu[index];
}

/* To one who waits for a core, as KVM does it; here it must be this core. */
static void yield_to(struct vcpu *vcpu, struct vcpu *target)
{
	if (sched_favour(vcpu->rq, target))
		vcpu->vmx.pending |= ATTEND_RUN | ATTEND_YIELD;
}

static s64 kvm_kick(struct vcpu *vcpu, const struct arguments *arg)
{
	struct vcpu *target = by_apic_id(vcpu, arg->a1);

	count(vcpu, EVENT_PV_KICK);
	if (target == vcpu)
		vcpu->kicked = true;
	if (target == NULL || target == vcpu)
		return 0;
	sched_request(target, REQUEST_KICK);
	yield_to(vcpu, target);
	return 0;
}

static s64 kvm_yield(struct vcpu *vcpu, const struct arguments *arg)
{
	struct vcpu *target = by_apic_id(vcpu, arg->a0);

	count(vcpu, EVENT_YIELD);
	if (target != NULL)
		yield_to(vcpu, target);
	return 0;
}

/* Tapvisor's own targets, a copy, since the guest's memory may change. 0, or what to refuse with.
 */
static s64 copy_bitmap(struct vcpu *vcpu, const struct arguments *arg, u64 *bitmap)
{
	const void *source;

	if (arg->a1 < 1 || arg->a1 > TAP_BITMAP_WORDS || arg->a0 % sizeof(u64) != 0)
		return -HC_EINVAL;
	source = guest_pointer(vcpu, arg->a0, arg->a1 * sizeof(u64));
	if (source == NULL)
		return -HC_EFAULT;
	memcpy(bitmap, source, arg->a1 * sizeof(u64));
	return 0;
}

/* Feeds the model as many words as it takes at once. */
static s64 tap_send_ipi(struct vcpu *vcpu, const struct arguments *arg)
{
	u64 bitmap[TAP_BITMAP_WORDS];
	struct vapic_effects fx;
	s64 error = (arg->a3 & (BITS(19, 18) | BIT(11))) != 0 ? -HC_EINVAL
	                                                      : copy_bitmap(vcpu, arg, bitmap);
	u32 todo;

	if (error != 0)
		return refuse(vcpu, error);
	todo = vapic_send_set(&vcpu->vm->bus, vcpu->apic, vapic_icr_xapic((u32)arg->a3, 0), bitmap,
	                      (u32)arg->a1, arg->a2, &fx);
	if ((todo & VAPIC_SENT) == 0)
		return 0;
	deliver(vcpu, IPI_HYPERCALL_TAP, (u32)arg->a3 >> 8, todo, &fx);
	return fx.sent.posted + fx.sent.coalesced;
}

/* Returns only what is refused. */
static s64 tap_flush_tlb(struct vcpu *vcpu, const struct arguments *arg)
{
	u64 bitmap[TAP_BITMAP_WORDS];
	struct vapic_set targets;
	s64 error = copy_bitmap(vcpu, arg, bitmap);

	if (error != 0)
		return refuse(vcpu, error);
	vapic_resolve(&vcpu->vm->bus, bitmap, (u32)arg->a1, arg->a2, &targets);
	pv_flush_tlb(vcpu, &targets);
}

/* What is not offered is unknown; 0 is no call's number. */
static s64 dispatch(struct vcpu *vcpu, u64 number, const struct arguments *arg)
{
	u32 features = vcpu->vm->config.features;

	switch ((features & VM_PV_KVM) != 0 ? number : 0) {
	case KVM_HC_SEND_IPI:
		return kvm_send_ipi(vcpu, arg);
	case KVM_HC_KICK_CPU:
		return kvm_kick(vcpu, arg);
	case KVM_HC_SCHED_YIELD:
		return kvm_yield(vcpu, arg);
	}
	switch ((features & VM_PV_TAP) != 0 ? number : 0) {
	case TAP_HC_SEND_IPI:
		return tap_send_ipi(vcpu, arg);
	case TAP_HC_FLUSH_TLB:
		return tap_flush_tlb(vcpu, arg);
	}
	return refuse(vcpu, -HC_ENOSYS);
}

NORETURN void exit_vmcall(struct vcpu *vcpu)
{
	u64 *gpr = vcpu->vmx.gpr;
	u64 mask = vmx_is_64_bit() ? ~0ull : 0xffffffff;
	const struct arguments arg = { gpr[RBX] & mask, gpr[RCX] & mask, gpr[RDX] & mask,
		                       gpr[RSI] & mask, mask == ~0ull ? 64 : 32 };
	s64 result;

	if (guest_is_user())
		result = refuse(vcpu, -HC_EPERM);
	else
		result = dispatch(vcpu, gpr[RAX] & mask, &arg);
	gpr[RAX] = (u64)result & mask;
	vcpu_advance(vcpu);
	vcpu_resume_guest(vcpu);
}
