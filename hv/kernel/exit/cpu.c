/* SPDX-License-Identifier: MIT */
/* Exits about the processor itself: halt, control registers, XCR0, exceptions, interrupts. */
#include "hv/kernel/exit/advance.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/ipi/notify.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/vm/guest.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/mode.h"
#include "vmx/qualification.h"
#include "vmx/setup.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

enum after exit_hlt(struct vcpu *vcpu)
{
	vcpu_advance(vcpu);
	if ((vcpu->vmx.pending & PENDING_RETIRE) != 0)
		vmx_retire(&vcpu->vmx);
	if ((vcpu->vmx.pending & PENDING_EXCEPTION) != 0) /* a step's trap ends HLT at once */
		return AFTER_RESUME;
	count(vcpu, COUNT_HALT);
	vcpu->activity = ACTIVITY_HALT;
	vcpu->vmx.pending |= vcpu->vmx.pending_halt;
	vcpu->halted_deaf = (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) == 0;
	return AFTER_RUN;
}

/* ---- control registers ---- */

static bool write_cr0_value(struct vcpu *vcpu, u64 value)
{
	return vmx_cr0_write(&vcpu->vmx, value, vcpu->vm->physical_mask);
}

static bool write_cr4_value(struct vcpu *vcpu, u64 value)
{
	return (value & ~vcpu->vm->cpuid.cr4) == 0 &&
	       vmx_cr4_write(&vcpu->vmx, value, vcpu->vm->physical_mask);
}

static bool write_cr8_value(struct vcpu *vcpu, u64 value)
{
	u32 todo = vapic_cr8_write(vcpu->apic, value);

	if ((todo & VAPIC_GP) != 0)
		return false;
	vcpu_todo(vcpu, todo, NULL);
	return true;
}

static bool write_cr(struct vcpu *vcpu, unsigned int number, u64 value)
{
	switch (number) {
	case 0:
		return write_cr0_value(vcpu, value);
	case 4:
		return write_cr4_value(vcpu, value);
	case 8:
		return write_cr8_value(vcpu, value);
	default:
		return false;
	}
}

enum after exit_cr_access(struct vcpu *vcpu)
{
	struct cr_access access = cr_access_of(vmcs_read(VMCS_EXIT_QUALIFICATION));
	bool done = true;

	switch (access.type) {
	case CR_ACCESS_TO_CR:
		done = write_cr(vcpu, access.number, guest_register(vcpu, access.reg));
		break;
	case CR_ACCESS_FROM_CR: /* CR8 alone exits, and only in 64-bit mode */
		guest_set_register(vcpu, access.reg, vapic_cr8(vcpu->apic));
		break;
	case CR_ACCESS_CLTS:
		done = write_cr0_value(vcpu, vmx_read_cr0() & ~CR0_TS);
		break;
	case CR_ACCESS_LMSW:
		done = write_cr0_value(vcpu, cr0_after_lmsw(vmx_read_cr0(), access.lmsw));
		break;
	}
	if (!done)
		return exit_protected(vcpu);
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}

enum after exit_xsetbv(struct vcpu *vcpu)
{
	u64 value = (u32)vcpu->vmx.gpr[RAX] | vcpu->vmx.gpr[RDX] << 32;

	/* The processor has checked CPL and CR4.OSXSAVE before it exits. */
	if ((u32)vcpu->vmx.gpr[RCX] != 0 || !vmx_xcr0_valid(value))
		return exit_protected(vcpu);
	xsetbv(0, value);
	vcpu_advance(vcpu);
	return AFTER_RESUME;
}

/* ---- exceptions ---- */

/* The NMI was the host's. INT 2 runs its handler, whose IRET ends NMI blocking. */
static void host_nmi(void)
{
	__asm__ volatile("int $2" : : : "memory");
}

/* #DB and #AC, as write_controls in vmx/setup.c explains: the guest's own, handed back. */
static void return_exception(struct vcpu *vcpu, u32 info)
{
	u32 vector = info & INTERRUPTION_VECTOR;

	if ((info & INTERRUPTION_TYPE) == INTERRUPTION_PRIVILEGED_EXCEPTION) {
		vcpu->vmx.pending |= PENDING_REVECTORED;
		vcpu->vmx.revectored = info & ~(u32)INTERRUPTION_NMI_UNBLOCKING;
		vcpu->vmx.revectored_length = vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH);
		return;
	}
	if (vector == EXCEPTION_DB)
		vmx_inject_debug(&vcpu->vmx, vmcs_read(VMCS_EXIT_QUALIFICATION));
	else
		vmx_inject_fault(&vcpu->vmx, (enum exception_vector)vector, 0);
}

enum after exit_exception(struct vcpu *vcpu)
{
	u32 info = vmcs_read32(VMCS_EXIT_INTERRUPTION_INFO);

	(void)vmx_take_revectored(&vcpu->vmx);
	if ((info & INTERRUPTION_TYPE) == INTERRUPTION_NMI)
		host_nmi();
	else if ((info & INTERRUPTION_VECTOR) == EXCEPTION_MC)
		panic("machine check on core %u, while a guest ran", vcpu->task.rq->core->index);
	else
		return_exception(vcpu, info);
	return AFTER_RESUME;
}

/* ---- the host's interrupts ---- */

/* Whether this guest has had next to nothing of the core between kicks since the last time. */
static bool kicked_alone(struct vcpu *vcpu)
{
	u64 had = vcpu->task.counters->time[TIME_GUEST] - vcpu->had;

	vcpu->had += had;
	return had < KICKS_OF_A_STORM * KICKED_RUN;
}

enum after exit_external_interrupt(struct vcpu *vcpu)
{
	struct run_queue *rq = vcpu->task.rq;
	u32 vector = vmcs_read32(VMCS_EXIT_INTERRUPTION_INFO) & INTERRUPTION_VECTOR;

	lapic_eoi();
	/* Most kicks say "look at your mailbox", which every entry does. */
	if (vector == VECTOR_KICK && likely(atomic_load(&rq->woken) == NULL)) {
		if (++rq->counters.kicks_received % KICKS_OF_A_STORM == 0 && kicked_alone(vcpu))
			vcpu->vmx.pending |= ATTEND_BRIEF;
		return AFTER_ENTER;
	}
	if (vector == VECTOR_KICK || vector == VECTOR_TIMER)
		sched_interrupted(&vcpu->task, vector);
	return AFTER_RUN;
}
