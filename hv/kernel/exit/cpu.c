/* SPDX-License-Identifier: MIT */
/* Exits about the processor itself: halt, control registers, XCR0, exceptions, interrupts. */
#include "hv/kernel/exit/advance.h"
#include "hv/base/bits.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/vectors.h"
#include "hv/kernel/ipi/deliver.h"
#include "hv/kernel/exit/exits.h"
#include "hv/kernel/exit/guest.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"
#include "vmx/controls.h"
#include "vmx/inject.h"
#include "vmx/qualification.h"
#include "vmx/setup.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

NORETURN void exit_hlt(struct vcpu *vcpu)
{
	vcpu_advance();
	count(vcpu, EVENT_HALT);
	vcpu->activity = ACTIVITY_HALT;
	vcpu->vmx.pending |= vcpu->vmx.pending_halt;
	vcpu->halted_deaf = (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) == 0;
	vcpu_run(vcpu);
}

/* ---- control registers ---- */

/* Paging in PAE mode begins: the processor takes the four PDPTEs from the VMCS at the next entry.
 */
static bool load_pdptes(struct vcpu *vcpu)
{
	const u64 *table = guest_pointer(vcpu, vmcs_read(VMCS_GUEST_CR3) & 0xffffffe0, 32);
	u64 reserved = ~vcpu->vm->physical_mask | BITS(8, 5) | BITS(2, 1);

	if (table == NULL)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		u64 entry = atomic_load_relaxed(&table[i]);

		if ((entry & BIT(0)) != 0 && (entry & reserved) != 0)
			return false;
		vmcs_write_raw(VMCS_GUEST_PDPTE0 + 2 * i, entry);
	}
	return true;
}

/* PG changes with a write that exits for another bit: what the processor would have done. */
static bool change_paging(struct vcpu *vcpu, u64 value)
{
	u64 efer = vmcs_read64(VMCS_GUEST_EFER);
	u64 cr4 = vmx_read_cr4();
	bool on = (value & CR0_PG) != 0;

	if ((efer & EFER_LME) == 0)
		return !on || (cr4 & CR4_PAE) == 0 || load_pdptes(vcpu);
	if (on ? (cr4 & CR4_PAE) == 0 : (cr4 & CR4_PCIDE) != 0)
		return false;
	if (!on && (vmcs_read32(VMCS_GUEST_CS_ACCESS) & ACCESS_L) != 0)
		return false;
	vmx_write_efer(on ? efer | EFER_LMA : efer & ~EFER_LMA);
	return true;
}

/* What MOV to CR0 refuses, for the bits whose writes exit: SDM 3A 2.5. */
static bool write_cr0_value(struct vcpu *vcpu, u64 value)
{
	u64 old = vmx_read_cr0();

	if (value >> 32 != 0 || ((value & CR0_PG) != 0 && (value & CR0_PE) == 0) ||
	    ((value & CR0_NW) != 0 && (value & CR0_CD) == 0))
		return false;
	if (((old ^ value) & CR0_PG) != 0 && !change_paging(vcpu, value))
		return false;
	vmx_write_cr0(&vcpu->vmx, value | CR0_ET);
	if (((old ^ value) & (CR0_PG | CR0_WP)) != 0)
		vmx_flush_vpid(vcpu->vmx.flush_vpid);
	return true;
}

/* A change of these loads the PDPTEs in PAE paging, and empties the TLB (SDM 3A 4.4.1, 4.10.4.1).
 */
#define CR4_PDPTE (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP)

/* MOV to CR4 that changes MCE, and whatever else it changes. */
static bool write_cr4_value(struct vcpu *vcpu, u64 value)
{
	bool is_long = (vmcs_read64(VMCS_GUEST_EFER) & EFER_LMA) != 0;
	u64 changed = vmx_read_cr4() ^ value;

	if ((value & ~vcpu->vm->cpuid.cr4) != 0 || (is_long && (value & CR4_PAE) == 0))
		return false;
	if ((changed & value & CR4_PCIDE) != 0 &&
	    (!is_long || (vmcs_read(VMCS_GUEST_CR3) & BITS(11, 0)) != 0))
		return false;
	if (!is_long && (vmx_read_cr0() & CR0_PG) != 0 && (value & CR4_PAE) != 0 &&
	    (changed & CR4_PDPTE) != 0 && !load_pdptes(vcpu))
		return false;
	vmx_write_cr4(&vcpu->vmx, value);
	if ((changed & (CR4_PDPTE | CR4_PCIDE)) != 0)
		vmx_flush_vpid(vcpu->vmx.flush_vpid);
	return true;
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

NORETURN void exit_cr_access(struct vcpu *vcpu)
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
		exit_protected(vcpu);
	vcpu_advance();
	vcpu_resume_guest(vcpu);
}

NORETURN void exit_xsetbv(struct vcpu *vcpu)
{
	u64 value = (u32)vcpu->vmx.gpr[RAX] | vcpu->vmx.gpr[RDX] << 32;

	/* The processor has checked CPL and CR4.OSXSAVE before it exits. */
	if ((u32)vcpu->vmx.gpr[RCX] != 0 || !vmx_xcr0_valid(value))
		exit_protected(vcpu);
	xsetbv(0, value);
	vcpu_advance();
	vcpu_resume_guest(vcpu);
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

	if (vector == EXCEPTION_DB)
		write_dr6((read_dr6() & ~0xe00full) |
		          (vmcs_read(VMCS_EXIT_QUALIFICATION) & 0xe00f));
	if ((info & INTERRUPTION_TYPE) == INTERRUPTION_PRIVILEGED_EXCEPTION) {
		vcpu->vmx.pending |= PENDING_REVECTORED;
		vcpu->vmx.revectored = info & ~(u32)INTERRUPTION_NMI_UNBLOCKING;
		vcpu->vmx.revectored_length = vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH);
		return;
	}
	vmx_inject_fault(&vcpu->vmx, (enum exception_vector)vector, 0);
}

NORETURN void exit_exception(struct vcpu *vcpu)
{
	u32 info = vmcs_read32(VMCS_EXIT_INTERRUPTION_INFO);

	vmx_take_revectored(&vcpu->vmx);
	if ((info & INTERRUPTION_TYPE) == INTERRUPTION_NMI)
		host_nmi();
	else if ((info & INTERRUPTION_VECTOR) == EXCEPTION_MC)
		panic("machine check on core %u, while a guest ran", vcpu->rq->core->index);
	else
		return_exception(vcpu, info);
	vcpu_resume_guest(vcpu);
}

/* ---- the host's interrupts ---- */

NORETURN void exit_external_interrupt(struct vcpu *vcpu)
{
	struct run_queue *rq = vcpu->rq;
	u32 vector = vmcs_read32(VMCS_EXIT_INTERRUPTION_INFO) & INTERRUPTION_VECTOR;

	lapic_eoi();
	/* Most kicks say "look at your mailbox", which every entry does. */
	if (vector == VECTOR_KICK && likely(atomic_load(&rq->woken) == NULL)) {
		rq->counters.kicks_received++;
		vcpu_enter_guest(vcpu);
	}
	if (vector == VECTOR_KICK || vector == VECTOR_TIMER)
		sched_interrupted(vcpu, vector);
	vcpu_run(vcpu);
}
