/* SPDX-License-Identifier: MIT */
/* Exits of RDMSR, WRMSR, RDPMC and CPUID. The fast path has taken the usual ones. */
#include "hv/kernel/exit/advance.h"
#include "hv/base/atomic.h"
#include "hv/base/x86.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/user/message.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/pv/pv.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/inject.h"
#include "vmx/mode.h"
#include "vmx/msr.h"
#include "vmx/setup.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

static u64 guest_now(const struct vcpu *vcpu)
{
	return vcpu_guest_tsc(vcpu, vcpu->task.rq->stamp);
}

static enum after refuse(struct vcpu *vcpu)
{
	guest_refused(vcpu, COUNT_MSR_REFUSED, (u32)vcpu->vmx.gpr[RCX]);
	return exit_protected(vcpu);
}

/* ---- the APIC's ---- */

static bool is_apic(u32 msr)
{
	return (msr >= MSR_X2APIC && msr < MSR_X2APIC_END) || msr == IA32_APIC_BASE ||
	       msr == IA32_TSC_DEADLINE;
}

static enum after write_apic(struct vcpu *vcpu, u32 msr)
{
	struct vapic_effects fx;
	u32 todo = vapic_msr_write(vcpu->apic, msr, guest_edx_eax(vcpu), guest_now(vcpu), &fx);

	if (unlikely((todo & VAPIC_GP) != 0))
		return refuse(vcpu);
	if (msr == MSR_X2APIC_EOI)
		count(vcpu, COUNT_EOI);
	if ((todo & VAPIC_SENT) != 0)
		notify_targets(vcpu, IPI_X2APIC,
		               msr == MSR_X2APIC_ICR ? (u32)guest_edx_eax(vcpu) >> 8 : 0, todo,
		               &fx);
	vcpu_advance(vcpu);
	vcpu_todo(vcpu, todo, &fx);
	return AFTER_RESUME;
}

/* ---- those with an effect here ---- */

/* A new TSC: the APIC timer's count goes on, its deadline stays what the guest wrote. */
static void move_tsc(struct vcpu *vcpu, u64 by)
{
	u64 now = vcpu_guest_tsc(vcpu, rdtsc());

	atomic_store_relaxed(&vcpu->tsc_offset, vcpu->tsc_offset + by);
	vmcs_write64(VMCS_TSC_OFFSET, vcpu->tsc_offset);
	vcpu_todo(vcpu, vapic_timer_rebase(vcpu->apic, now, now + by), NULL);
	pv_tsc_written(vcpu);
}

static bool write_special(struct vcpu *vcpu, u32 msr, u64 value)
{
	switch (msr) {
	case IA32_TSC:
		move_tsc(vcpu, value - vcpu_guest_tsc(vcpu, rdtsc()));
		return true;
	case IA32_TSC_ADJUST: /* the offset: it began as 0, and moves as this MSR does */
		move_tsc(vcpu, value - vcpu->tsc_offset);
		return true;
	case IA32_EFER:
		return vmx_efer_write(&vcpu->vmx, value);
	default:
		return pv_msr_write(vcpu, msr, value);
	}
}

static bool read_special(struct vcpu *vcpu, u32 msr, u64 *value)
{
	switch (msr) {
	case IA32_TSC:
		*value = vcpu_guest_tsc(vcpu, rdtsc());
		return true;
	case IA32_TSC_ADJUST:
		*value = vcpu->tsc_offset;
		return true;
	case IA32_EFER:
		*value = vmcs_read64(VMCS_GUEST_EFER);
		return true;
	default:
		return pv_msr_read(vcpu, msr, value);
	}
}

/* ---- the monitor's: what only says what the platform is, and the counters of cycles ---- */

/* RDMSR, WRMSR, RDPMC. */
static void finish_msr(struct vcpu *vcpu, const struct taken_reply *reply)
{
	if (reply->stop != 0) {
		vmx_inject_fault(&vcpu->vmx, EXCEPTION_GP, 0);
		return;
	}
	if (!vcpu->access.write)
		guest_set_edx_eax(vcpu, reply->value);
	vcpu_advance(vcpu);
}

static enum after ask_monitor(struct vcpu *vcpu, u32 msr, bool write)
{
	vcpu->access = (struct pending_access){
		.kind = MSG_MSR,
		.finish = finish_msr,
		.unclaimed = COUNT_MSR_REFUSED,
		.size = 8,
		.write = write,
	};
	message_access(vcpu, msr, guest_edx_eax(vcpu));
	return AFTER_THREAD;
}

#define IA32_PMC0   0xc1u
#define PMC_NUMBERS 8u /* as many as there are numbers for: IA32_PMC0 to IA32_PMC7 */

/* The processor has checked CPL and CR4.PCE before it exits. Fixed counters there are none. */
enum after exit_rdpmc(struct vcpu *vcpu)
{
	u32 counter = (u32)vcpu->vmx.gpr[RCX];

	if (counter >= PMC_NUMBERS)
		return refuse(vcpu);
	return ask_monitor(vcpu, IA32_PMC0 + counter, false);
}

/* ---- RDMSR, WRMSR ---- */

enum after exit_wrmsr(struct vcpu *vcpu)
{
	u32 msr = (u32)vcpu->vmx.gpr[RCX];
	u64 value = guest_edx_eax(vcpu);
	const struct msr_row *row;

	if (is_apic(msr))
		return write_apic(vcpu, msr);
	row = msr_find(msr);
	if (row == NULL)
		return ask_monitor(vcpu, msr, true);
	if (row->class == MSR_GUEST || (value & ~row->writable) != 0 ||
	    !write_special(vcpu, msr, value))
		return refuse(vcpu);
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}

enum after exit_rdmsr(struct vcpu *vcpu)
{
	u32 msr = (u32)vcpu->vmx.gpr[RCX];
	const struct msr_row *row = is_apic(msr) ? NULL : msr_find(msr);
	u64 value;
	bool done;

	if (is_apic(msr))
		done = (vapic_msr_read(vcpu->apic, msr, guest_now(vcpu), &value) & VAPIC_GP) == 0;
	else if (row == NULL)
		return ask_monitor(vcpu, msr, false);
	else
		done = row->class != MSR_GUEST && read_special(vcpu, msr, &value);
	if (!done)
		return refuse(vcpu);
	guest_set_edx_eax(vcpu, value);
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}

/* ---- CPUID ---- */

enum after exit_cpuid(struct vcpu *vcpu)
{
	u64 *gpr = vcpu->vmx.gpr;
	u32 subleaf = (u32)gpr[RCX];
	const struct cpuid_row *row = cpuid_find(&vcpu->vm->cpuid, (u32)gpr[RAX], subleaf);
	const struct cpuid_vcpu state = {
		.apic_id = vcpu->apic->id,
		.apic_enabled = vapic_mode(vcpu->apic) != VAPIC_DISABLED,
		.cr4 = vmx_read_cr4(),
		.xcr0 = vmx_xcr0(),
	};
	struct cpuid value = row->value;

	cpuid_patch(&vcpu->vm->cpuid, row, subleaf, &state, &value);
	gpr[RAX] = value.eax;
	gpr[RBX] = value.ebx;
	gpr[RCX] = value.ecx;
	gpr[RDX] = value.edx;
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}
