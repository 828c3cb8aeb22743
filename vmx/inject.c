/* SPDX-License-Identifier: MIT */
#include "vmx/inject.h"

#include "hv/base/x86.h"
#include "vmx/mode.h"
#include "vmx/vcpu.h"

/* Classes of exceptions (SDM 3A 7.15, table 7-4); the others are benign. */
#define CONTRIBUTORY (BIT32(0) | BIT32(10) | BIT32(11) | BIT32(12) | BIT32(13) | BIT32(21))
#define PAGE_FAULTS  (BIT32(14) | BIT32(20))
#define WITH_ERROR                                                                                 \
	(BIT32(8) | BIT32(10) | BIT32(11) | BIT32(12) | BIT32(13) | BIT32(14) | BIT32(17))

#define PENDING_RARE (PENDING_RETIRE | PENDING_REVECTORED | PENDING_EXCEPTION | PENDING_NMI)

static void end_shadows(u32 which)
{
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY,
	             vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & ~which);
}

static u32 exception_info(u32 vector)
{
	u32 info = vector | INTERRUPTION_EXCEPTION | INTERRUPTION_VALID;

	return (WITH_ERROR >> vector & 1) != 0 ? info | INTERRUPTION_ERROR_CODE : info;
}

static bool is_exception(u32 info)
{
	return (info & INTERRUPTION_TYPE) == INTERRUPTION_EXCEPTION;
}

static bool is_in(u32 class, u32 vector)
{
	return (class >> vector & 1) != 0;
}

/*
 * A fault while another is being delivered may be a double fault (SDM 3A 7.15, table 7-5); a fault
 * while #DF is delivered would be a shutdown, which the processor reports as a triple fault. We
 * never inject a fault there: #AC is the only one of ours that occurs in a delivery, and it is
 * benign.
 */
static bool makes_double_fault(u32 first, u32 second)
{
	if (is_in(PAGE_FAULTS, second))
		return is_in(PAGE_FAULTS, first);
	return is_in(CONTRIBUTORY, second) && is_in(CONTRIBUTORY | PAGE_FAULTS, first);
}

void vmx_inject_fault(struct vmx_vcpu *vcpu, enum exception_vector vector, u32 error)
{
	u32 earlier = vcpu->revectored;

	if ((vcpu->pending & PENDING_REVECTORED) != 0) {
		if (is_exception(earlier) &&
		    makes_double_fault(earlier & INTERRUPTION_VECTOR, vector)) {
			vector = EXCEPTION_DF;
			error = 0;
		}
		/*
		 * Part of the #DF, or an instruction's, which will be executed again. An interrupt
		 * or NMI whose delivery faults is lost, as it is without us.
		 */
		vcpu->pending &= ~PENDING_REVECTORED;
	}
	vcpu->pending |= PENDING_EXCEPTION;
	vcpu->exception = exception_info(vector);
	vcpu->exception_error = error;
	/* So that the handler's IRET leads past instruction breakpoints (SDM 3B 18.3.1.1). */
	if (vector != EXCEPTION_DB)
		vmcs_write(VMCS_GUEST_RFLAGS, vmcs_read(VMCS_GUEST_RFLAGS) | RFLAGS_RF);
}

/*
 * Updates DR6 and DR7, which neither the exit nor the injection does (SDM 3C 28.1, 27.6.1.1). Hits
 * are replaced; the processor never clears the other bits (3B 18.2.3).
 */
void vmx_inject_debug(struct vmx_vcpu *vcpu, u64 causes)
{
	u64 dr6 = (read_dr6() & ~DR6_HIT) | (causes & (DR6_HIT | DR6_BD | DR6_BS));

	write_dr6(dr6 & ~(causes & (DR6_BUS_LOCK | DR6_RTM)));
	vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
	vmx_inject_fault(vcpu, EXCEPTION_DB, 0);
}

/* Not twice: injecting #DB drops what is pending in the VMCS. */
static void inject_traps(struct vmx_vcpu *vcpu, u64 traps)
{
	if ((traps & (DR6_BS | PENDING_DEBUG_ENABLED)) != 0)
		vmx_inject_debug(vcpu, traps & (DR6_BS | DR6_HIT));
}

void vmx_take_traps(struct vmx_vcpu *vcpu)
{
	inject_traps(vcpu, vmcs_read(VMCS_GUEST_PENDING_DEBUG));
}

void vmx_retire(struct vmx_vcpu *vcpu)
{
	u64 rip = vmcs_read(VMCS_GUEST_RIP);
	u64 rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	u64 traps = vmcs_read(VMCS_GUEST_PENDING_DEBUG);

	vcpu->pending &= ~PENDING_RETIRE;
	end_shadows(INTERRUPTIBILITY_SHADOWS);
	if (rip >> 32 != 0 && !vmx_is_64_bit())
		vmcs_write(VMCS_GUEST_RIP, (u32)rip);
	if ((rflags & RFLAGS_RF) != 0)
		vmcs_write(VMCS_GUEST_RFLAGS, rflags & ~RFLAGS_RF);
	inject_traps(vcpu, (rflags & RFLAGS_TF) != 0 ? traps | DR6_BS : traps);
}

NOINLINE void vmx_keep_revectored(struct vmx_vcpu *vcpu, u32 info)
{
	vcpu->pending |= PENDING_REVECTORED;
	vcpu->revectored = info & ~(u32)INTERRUPTION_NMI_UNBLOCKING;
	vcpu->revectored_length = vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH);
	if ((info & INTERRUPTION_ERROR_CODE) != 0)
		vcpu->revectored_error = vmcs_read32(VMCS_IDT_VECTORING_ERROR_CODE);
}

/*
 * Clears the interruptibility bits that the event would end, as the entry demands (SDM
 * 3C 27.3.1.5). NMI: the blocking that the processor set when it began to deliver. Exceptions and
 * INT1: shadows, beside which a guest that steps would need a pending trap, which the exit of a #DB
 * does not leave. INT n and INT3 keep what MOV SS holds back for the handler's first instruction.
 */
static u32 ended_by(u32 type)
{
	if (type == INTERRUPTION_NMI)
		return INTERRUPTIBILITY_NMI;
	return type == INTERRUPTION_EXCEPTION || type == INTERRUPTION_PRIVILEGED_EXCEPTION
	               ? INTERRUPTIBILITY_SHADOWS
	               : 0;
}

/* Whether to inject an error code: in real mode there is none (SDM 3C 27.2.1.3). */
static void inject_now(u32 info, u32 error, u32 length)
{
	u32 type = info & INTERRUPTION_TYPE;

	if ((info & INTERRUPTION_ERROR_CODE) != 0 && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE) == 0)
		info &= ~INTERRUPTION_ERROR_CODE;
	if ((info & INTERRUPTION_ERROR_CODE) != 0)
		vmcs_write32(VMCS_ENTRY_ERROR_CODE, error);
	if (type >= INTERRUPTION_SOFTWARE)
		vmcs_write32(VMCS_ENTRY_INSTRUCTION_LENGTH, length);
	end_shadows(ended_by(type));
	vmcs_write32(VMCS_ENTRY_INTERRUPTION_INFO, info);
}

static void inject_again(struct vmx_vcpu *vcpu)
{
	inject_now(vcpu->revectored, vcpu->revectored_error, vcpu->revectored_length);
	vcpu->pending &= ~PENDING_REVECTORED;
}

static void window_open(struct vmx_vcpu *vcpu, u32 control)
{
	if ((vcpu->cpu_controls & control) != 0)
		return;
	vcpu->cpu_controls |= control;
	vmcs_write32(VMCS_PRIMARY_CONTROLS, vcpu->cpu_controls);
}

void vmx_windows_closed(struct vmx_vcpu *vcpu)
{
	vcpu->cpu_controls &= ~(PRIMARY_INTERRUPT_WINDOW | PRIMARY_NMI_WINDOW);
	vmcs_write32(VMCS_PRIMARY_CONTROLS, vcpu->cpu_controls);
}

/* Both are held back by the shadows, NMIs by NMI blocking, interrupts by IF. */
static bool nmi_blocked(void)
{
	return (vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) &
	        (INTERRUPTIBILITY_SHADOWS | INTERRUPTIBILITY_NMI)) != 0;
}

/* Injects what has precedence over interrupts, as far as it can go in now. */
static enum vmx_injection inject_rare(struct vmx_vcpu *vcpu)
{
	if ((vcpu->pending & PENDING_RETIRE) != 0)
		vmx_retire(vcpu);
	if ((vcpu->pending & PENDING_REVECTORED) != 0) {
		inject_again(vcpu);
		return INJECTED_FAULT;
	}
	if ((vcpu->pending & PENDING_EXCEPTION) != 0) {
		inject_now(vcpu->exception, vcpu->exception_error, 0);
		vcpu->pending &= ~PENDING_EXCEPTION;
		return INJECTED_FAULT;
	}
	if ((vcpu->pending & PENDING_NMI) != 0 && !nmi_blocked()) {
		vmcs_write32(VMCS_ENTRY_INTERRUPTION_INFO,
		             EXCEPTION_NMI | INTERRUPTION_NMI | INTERRUPTION_VALID);
		vcpu->pending &= ~PENDING_NMI;
		return INJECTED_NMI;
	}
	return INJECTED_NOTHING;
}

/* Injects the first pending event that can go in now. */
static enum vmx_injection inject_first(struct vmx_vcpu *vcpu, int vector)
{
	if (unlikely((vcpu->pending & PENDING_RARE) != 0)) {
		enum vmx_injection done = inject_rare(vcpu);

		if (done != INJECTED_NOTHING)
			return done;
	}
	if (vector < 0 || vmx_interrupt_blocked())
		return INJECTED_NOTHING;
	vmx_write_interrupt((u8)vector);
	return INJECTED_INTERRUPT;
}

/*
 * Opens the window by which an NMI can be tried again. In the shadow of STI that is the interrupt
 * window, IF being 1 then: whether the NMI window waits for its end depends on the processor, as
 * the blocking itself does (SDM 3C table 25-3). An event that goes in ends all shadows.
 */
static u32 nmi_window(enum vmx_injection done)
{
	bool in_shadow = done == INJECTED_NOTHING &&
	                 (vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_STI) != 0;

	return in_shadow ? PRIMARY_INTERRUPT_WINDOW : PRIMARY_NMI_WINDOW;
}

enum vmx_injection vmx_inject(struct vmx_vcpu *vcpu, int vector)
{
	enum vmx_injection done = inject_first(vcpu, vector);

	if ((vcpu->pending & PENDING_NMI) != 0)
		window_open(vcpu, nmi_window(done));
	if (vector >= 0 && done != INJECTED_INTERRUPT)
		window_open(vcpu, PRIMARY_INTERRUPT_WINDOW);
	return done;
}
