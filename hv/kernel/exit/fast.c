/* SPDX-License-Identifier: MIT */
/*
 * The fast path: the exits that IPIs are made of, from exit to entry and past everything that they
 * do not need. A handler here does the whole exit, or leaves it untouched to the slow path's row of
 * the same reason (hv/kernel/exit/exits.c): each case that is not the usual one has its code there
 * alone.
 *
 * RUN_GUEST has stood since the last entry: any sender that has posted meanwhile has kicked too, so
 * that the fast path neither publishes nor looks (the delivery protocol, vapic/mail.h).
 */
#include "hv/abi/hypercall.h"
#include "hv/kernel/sched/account.h"
#include "hv/kernel/exit/advance.h"
#include "hv/base/atomic.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/exit/mail.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vapic/fast.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/reasons.h"
#include "vmx/vmcs.h"

/* NULL: done. Else who does the rest, which is all of it if this one could not begin. */
typedef exit_handler (*fast_exit)(struct vcpu *vcpu, u64 reason);

/* ---- the way back ---- */

/* Not an exit that can be handled here; nothing was done yet. */
static exit_handler slow_path(struct vcpu *vcpu, u64 reason)
{
	vcpu->task.exit = &vcpu->task.counters->exit[reason];
	return exit_handlers[reason];
}

/* Handled; but something else than an interrupt waits, or it cannot be delivered now. */
static NOINLINE exit_handler attend_first(struct vcpu *vcpu, u64 reason)
{
	vcpu->task.exit = &vcpu->task.counters->exit[reason];
	return exit_resume;
}

/* An interrupt and nothing else, and the guest takes it now. */
static NOINLINE exit_handler inject_and_go_back(struct vcpu *vcpu, u64 reason)
{
	int vector;

	if (unlikely(vcpu->vmx.pending != PENDING_INTERRUPT) || unlikely(vmx_interrupt_blocked()))
		return attend_first(vcpu, reason);
	vector = vapic_fast_take(vcpu->apic);
	if (unlikely(vector < 0)) /* held back: by TPR, then it wants a threshold */
		return attend_first(vcpu, reason);
	vcpu->vmx.pending = 0;
	vmx_write_interrupt((u8)vector);
	count(vcpu, COUNT_INJECT_INTERRUPT);
	account_exit(&vcpu->task, &vcpu->task.counters->exit[reason], 0, rdtsc());
	return NULL;
}

static ALWAYS_INLINE exit_handler go_back(struct vcpu *vcpu, u64 reason)
{
	if (unlikely(vcpu->vmx.pending != 0))
		return inject_and_go_back(vcpu, reason);
	account_exit(&vcpu->task, &vcpu->task.counters->exit[reason], 0, rdtsc());
	return NULL;
}

/* ---- WRMSR: the ICR and EOI of an x2APIC ---- */

static ALWAYS_INLINE exit_handler write_icr(struct vcpu *vcpu)
{
	u64 value = guest_edx_eax(vcpu);
	u64 targets;

	if (unlikely(!vapic_is_fast(vcpu->apic, VAPIC_X2APIC)) ||
	    unlikely((u8)value < APIC_FIRST_VECTOR))
		return slow_path(vcpu, VMX_EXIT_WRMSR);
	if (vapic_fast_is_self((u32)value)) {
		vapic_fast_note_icr(vcpu->apic, value);
		post_to_self(vcpu, IPI_X2APIC, (u8)value);
		vcpu_advance(vcpu);
		return inject_and_go_back(vcpu, VMX_EXIT_WRMSR);
	}
	targets = vapic_fast_targets_x2apic(vcpu->apic, value);
	if (unlikely(targets == 0))
		return slow_path(vcpu, VMX_EXIT_WRMSR);
	vapic_fast_note_icr(vcpu->apic, value);
	post_and_notify(vcpu, IPI_X2APIC, targets, (u8)value);
	vcpu_advance(vcpu);
	return go_back(vcpu, VMX_EXIT_WRMSR);
}

static ALWAYS_INLINE exit_handler write_eoi(struct vcpu *vcpu)
{
	if (unlikely((u32)(vcpu->vmx.gpr[RAX] | vcpu->vmx.gpr[RDX]) != 0) ||
	    unlikely(!vapic_is_fast(vcpu->apic, VAPIC_X2APIC)))
		return slow_path(vcpu, VMX_EXIT_WRMSR);
	count(vcpu, COUNT_EOI);
	vcpu_advance(vcpu);
	if (unlikely(vapic_fast_eoi(vcpu->apic)))
		vcpu->vmx.pending |= vcpu->vmx.pending_interrupt;
	return go_back(vcpu, VMX_EXIT_WRMSR);
}

static exit_handler fast_wrmsr(struct vcpu *vcpu, u64 reason)
{
	u32 msr = (u32)vcpu->vmx.gpr[RCX];

	if (likely(msr == MSR_X2APIC_ICR))
		return write_icr(vcpu);
	if (likely(msr == MSR_X2APIC_EOI))
		return write_eoi(vcpu);
	return slow_path(vcpu, reason);
}

/* ---- VMCALL: SEND_IPI from 64-bit mode ---- */

/* No mode but fixed, no shorthand, no logical destination, a legal vector. */
static bool is_fast_icr(u64 icr)
{
	return (icr & (APIC_ICR_MODE | APIC_ICR_LOGICAL | APIC_ICR_SHORTHAND)) == 0 &&
	       (icr & 0xff) >= APIC_FIRST_VECTOR;
}

/* KVM's bitmap. Its second word is for more than 64 vCPUs, or for IDs far apart. */
static ALWAYS_INLINE u64 kvm_targets(const struct vcpu *vcpu)
{
	const u64 *gpr = vcpu->vmx.gpr;

	if (unlikely(gpr[RCX] != 0))
		return 0;
	return vapic_fast_targets(vcpu->apic, gpr[RBX], (u32)gpr[RDX]);
}

/* Tapvisor's, in guest memory, of one word. Read once: the guest may change it meanwhile. */
static u64 tap_targets(const struct vcpu *vcpu)
{
	const u64 *gpr = vcpu->vmx.gpr;
	const u64 *word = guest_pointer(vcpu, gpr[RBX], sizeof(u64));

	if (unlikely(gpr[RCX] != 1) || unlikely(word == NULL) ||
	    unlikely(gpr[RBX] % sizeof(u64) != 0))
		return 0;
	return vapic_fast_targets(vcpu->apic, atomic_load_relaxed(word), gpr[RDX]);
}

static exit_handler fast_vmcall(struct vcpu *vcpu, u64 reason)
{
	u64 *gpr = vcpu->vmx.gpr;
	enum ipi_path path = IPI_HYPERCALL;
	u32 feature = VM_PV_KVM;
	u64 targets = 0;

	if (likely(gpr[RAX] == KVM_HC_SEND_IPI)) {
		targets = kvm_targets(vcpu);
	} else if (gpr[RAX] == TAP_HC_SEND_IPI) {
		path = IPI_HYPERCALL_TAP;
		feature = VM_PV_TAP;
		targets = tap_targets(vcpu);
	}
	if (unlikely(targets == 0) || unlikely(!is_fast_icr(gpr[RSI])) ||
	    unlikely((vcpu->vm->config.features & feature) == 0) ||
	    unlikely(!guest_is_64_bit_kernel()))
		return slow_path(vcpu, reason);
	gpr[RAX] = post_and_notify(vcpu, path, targets, (u8)gpr[RSI]);
	vcpu_advance(vcpu);
	return go_back(vcpu, VMX_EXIT_VMCALL);
}

/* ---- a kick ---- */

static exit_handler fast_external_interrupt(struct vcpu *vcpu, u64 reason)
{
	struct run_queue *rq = vcpu->task.rq;
	const struct vapic_mail *mail = &vcpu->apic->mail;
	u32 info = vmcs_read32(VMCS_EXIT_INTERRUPTION_INFO);
	u64 kicks = rq->counters.kicks_received + 1;

	/* INIT and SIPI write all registers, of which some are still the processor's here. */
	if (unlikely((info & INTERRUPTION_VECTOR) != VECTOR_KICK) ||
	    unlikely(atomic_load(&rq->woken) != NULL) ||
	    unlikely(atomic_load(&vcpu->task.requests) != 0) ||
	    unlikely(atomic_load(&mail->events) != 0) || unlikely(kicks % KICKS_OF_A_STORM == 0))
		return slow_path(vcpu, reason);
	lapic_eoi();
	rq->counters.kicks_received = kicks;
	/*
	 * RUN_GUEST stands meanwhile. Whoever posts after the pull has cleared the mailbox's `on`,
	 * or an event after the look at those, sends a kick of its own, which exits right after the
	 * entry.
	 */
	if (likely(atomic_load(&mail->on) != 0))
		vcpu_take_vectors(vcpu);
	return go_back(vcpu, VMX_EXIT_EXTERNAL_INTERRUPT);
}

/* ---- CPUID ---- */

static exit_handler fast_cpuid(struct vcpu *vcpu, u64 reason)
{
	u64 *gpr = vcpu->vmx.gpr;
	const struct cpuid_row *row = cpuid_find_fast(&vcpu->vm->cpuid, (u32)gpr[RAX]);

	if (unlikely(row == NULL))
		return slow_path(vcpu, reason);
	gpr[RAX] = row->value.eax;
	gpr[RBX] = row->value.ebx;
	gpr[RCX] = row->value.ecx;
	gpr[RDX] = row->value.edx;
	vcpu_advance(vcpu);
	return go_back(vcpu, VMX_EXIT_CPUID);
}

/* ---- dispatch ---- */

/* Up to CPUID's and VMCALL's; beyond there is no fast path. */
static const fast_exit fast_exits[EXIT_REASONS] = {
#define SLOW(first, last) [first... last] = slow_path
	SLOW(0, VMX_EXIT_EXTERNAL_INTERRUPT - 1),
	[VMX_EXIT_EXTERNAL_INTERRUPT] = fast_external_interrupt,
	SLOW(VMX_EXIT_EXTERNAL_INTERRUPT + 1, VMX_EXIT_CPUID - 1),
	[VMX_EXIT_CPUID] = fast_cpuid,
	SLOW(VMX_EXIT_CPUID + 1, VMX_EXIT_VMCALL - 1),
	[VMX_EXIT_VMCALL] = fast_vmcall,
	SLOW(VMX_EXIT_VMCALL + 1, VMX_EXIT_WRMSR - 1),
	[VMX_EXIT_WRMSR] = fast_wrmsr,
	SLOW(VMX_EXIT_WRMSR + 1, EXIT_REASONS - 1),
#undef SLOW
};

/* An entry that failed has bit 31 set: never a row of a table. A bus lock may be reported besides.
 */
static NOINLINE exit_handler no_row(struct vcpu *vcpu, u64 reason)
{
	return reason < EXIT_REASONS ? fast_exits[reason](vcpu, reason) : exit_refused;
}

exit_handler vmx_on_exit(struct vmx_vcpu *vmx)
{
	struct vcpu *vcpu = vcpu_of(vmx);
	struct run_queue *rq = vcpu->task.rq;
	u64 now = rdtsc();
	u64 reason = vmcs_read_raw(VMCS_EXIT_REASON); /* 32 bits, zero-extended */

	account(&vcpu->task, TIME_GUEST, now);
	rq->opened = now;
	rq->counters.trace[rq->counters.trace_next++ % TRACE_EXITS] = vcpu->task.trace_id | reason;
	if (unlikely(now >= vcpu->look_at))
		vcpu->vmx.pending |= ATTEND_DEADLINE;
	if (unlikely(reason >= EXIT_REASONS))
		return no_row(vcpu, reason & ~EXIT_REASON_BUS_LOCK);
	return fast_exits[reason](vcpu, reason);
}
