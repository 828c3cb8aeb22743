/* SPDX-License-Identifier: MIT */
/* VMCALL: hv/abi/hypercall.h says what there is. Numbers and semantics of KVM's are KVM's. */
#include "hv/kernel/exit/advance.h"
#include "hv/abi/hypercall.h"

#include "hv/base/bits.h"
#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/pv/pv.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/mode.h"

/* Bits of a register that count in the caller's mode. */
#define MASK_64 ~0ull
#define MASK_32 0xffffffffull

static ALWAYS_INLINE u64 argument(const struct vcpu *vcpu, enum gpr reg, u64 mask)
{
	return vcpu->vmx.gpr[reg] & mask;
}

/* The end of each call: its result, and what comes after. */
static ALWAYS_INLINE enum after result(struct vcpu *vcpu, s64 value, u64 mask)
{
	vcpu->vmx.gpr[RAX] = (u64)value & mask;
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}

/* There are few numbers, and some benchmarks try one for ever: the first tell all. */
static ALWAYS_INLINE enum after refuse(struct vcpu *vcpu, s64 error, u64 mask)
{
	if (unlikely(vcpu->task.counters->count[COUNT_HYPERCALL_REFUSED]++ < 4 * REFUSALS))
		guest_note_refused(vcpu, COUNT_HYPERCALL_REFUSED, vcpu->vmx.gpr[RAX]);
	return result(vcpu, error, mask);
}

static NOINLINE enum after kvm_send_ipi(struct vcpu *vcpu, u64 mask)
{
	struct vapic_effects fx;
	s64 value;
	u64 icr = argument(vcpu, RSI, mask);
	u32 todo = vapic_kvm_send_ipi(vcpu->apic, argument(vcpu, RBX, mask),
	                              argument(vcpu, RCX, mask), argument(vcpu, RDX, mask), icr,
	                              mask == MASK_64 ? 64 : 32, &value, &fx);

	if (value < 0)
		return refuse(vcpu, value, mask);
	if ((todo & VAPIC_SENT) != 0)
		notify_targets(vcpu, IPI_HYPERCALL, (u32)icr >> 8, todo, &fx);
	return result(vcpu, value, mask);
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
	if (sched_favour(vcpu->task.rq, &target->task))
		vcpu->vmx.pending |= ATTEND_RUN | ATTEND_YIELD;
}

static NOINLINE enum after kvm_kick(struct vcpu *vcpu, u64 mask)
{
	struct vcpu *target = by_apic_id(vcpu, argument(vcpu, RCX, mask));

	count(vcpu, COUNT_PV_KICK);
	if (target == vcpu) {
		vcpu->kicked = true;
	} else if (target != NULL) {
		sched_request(&target->task, REQUEST_KICK);
		yield_to(vcpu, target);
	}
	return result(vcpu, 0, mask);
}

static NOINLINE enum after kvm_yield(struct vcpu *vcpu, u64 mask)
{
	struct vcpu *target = by_apic_id(vcpu, argument(vcpu, RBX, mask));

	count(vcpu, COUNT_YIELD);
	if (target != NULL)
		yield_to(vcpu, target);
	return result(vcpu, 0, mask);
}

/* Tapvisor's own targets, a copy, since the guest's memory may change. 0, or what to refuse with.
 */
static s64 copy_bitmap(struct vcpu *vcpu, u64 mask, u64 *bitmap)
{
	u64 gpa = argument(vcpu, RBX, mask), words = argument(vcpu, RCX, mask);
	const void *source;

	if (words < 1 || words > TAP_BITMAP_WORDS || gpa % sizeof(u64) != 0)
		return -HC_EINVAL;
	source = guest_pointer(vcpu, gpa, words * sizeof(u64));
	if (source == NULL)
		return -HC_EFAULT;
	memcpy(bitmap, source, words * sizeof(u64));
	return 0;
}

/* Feeds the model as many words as it takes at once. */
static NOINLINE enum after tap_send_ipi(struct vcpu *vcpu, u64 mask)
{
	u64 bitmap[TAP_BITMAP_WORDS];
	struct vapic_effects fx;
	u64 icr = argument(vcpu, RSI, mask);
	s64 error = (icr & (BITS(19, 18) | BIT(11))) != 0 ? -HC_EINVAL
	                                                  : copy_bitmap(vcpu, mask, bitmap);
	u32 todo;

	if (error != 0)
		return refuse(vcpu, error, mask);
	todo = vapic_send_set(&vcpu->vm->bus, vcpu->apic, vapic_icr_xapic((u32)icr, 0), bitmap,
	                      (u32)argument(vcpu, RCX, mask), argument(vcpu, RDX, mask), &fx);
	if ((todo & VAPIC_SENT) == 0)
		return result(vcpu, 0, mask);
	notify_targets(vcpu, IPI_HYPERCALL_TAP, (u32)icr >> 8, todo, &fx);
	return result(vcpu, fx.sent.posted + fx.sent.coalesced, mask);
}

static NOINLINE enum after tap_flush_tlb(struct vcpu *vcpu, u64 mask)
{
	u64 bitmap[TAP_BITMAP_WORDS];
	struct vapic_set targets;
	s64 error = copy_bitmap(vcpu, mask, bitmap);

	if (error != 0)
		return refuse(vcpu, error, mask);
	vapic_resolve(&vcpu->vm->bus, bitmap, (u32)argument(vcpu, RCX, mask),
	              argument(vcpu, RDX, mask), &targets);
	(void)result(vcpu, vapic_set_count(&targets), mask);
	return pv_flush_tlb(vcpu, &targets);
}

/* What is not offered is unknown; 0 is no call's number. */
enum after exit_vmcall(struct vcpu *vcpu)
{
	u64 mask = vmx_is_64_bit() ? MASK_64 : MASK_32;
	u64 number = argument(vcpu, RAX, mask);
	u32 features = vcpu->vm->config.features;

	if (guest_is_user())
		return refuse(vcpu, -HC_EPERM, mask);
	switch ((features & VM_PV_KVM) != 0 ? number : 0) {
	case KVM_HC_SEND_IPI:
		return kvm_send_ipi(vcpu, mask);
	case KVM_HC_KICK_CPU:
		return kvm_kick(vcpu, mask);
	case KVM_HC_SCHED_YIELD:
		return kvm_yield(vcpu, mask);
	}
	switch ((features & VM_PV_TAP) != 0 ? number : 0) {
	case TAP_HC_SEND_IPI:
		return tap_send_ipi(vcpu, mask);
	case TAP_HC_FLUSH_TLB:
		return tap_flush_tlb(vcpu, mask);
	}
	return refuse(vcpu, -HC_ENOSYS, mask);
}
