/* SPDX-License-Identifier: MIT */
#include "vmx/inject.h"

#include "vmx/vcpu.h"

/* Classes of exceptions (SDM 3A 7.15, table 7-4); the others are benign. */
#define CONTRIBUTORY (BIT32(0) | BIT32(10) | BIT32(11) | BIT32(12) | BIT32(13) | BIT32(21))
#define PAGE_FAULTS  (BIT32(14) | BIT32(20))
#define WITH_ERROR                                                                                 \
	(BIT32(8) | BIT32(10) | BIT32(11) | BIT32(12) | BIT32(13) | BIT32(14) | BIT32(17))

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
 * while #DF is delivered would be a shutdown, which the processor reports as a triple fault: ours
 * cannot happen there, since of ours #AC alone comes in deliveries, and that is benign.
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
}

void vmx_take_revectored(struct vmx_vcpu *vcpu)
{
	u32 info = vmcs_read32(VMCS_IDT_VECTORING_INFO);

	if ((info & INTERRUPTION_VALID) == 0)
		return;
	vcpu->pending |= PENDING_REVECTORED;
	vcpu->revectored = info & ~(u32)INTERRUPTION_NMI_UNBLOCKING;
	vcpu->revectored_length = vmcs_read32(VMCS_EXIT_INSTRUCTION_LENGTH);
	if ((info & INTERRUPTION_ERROR_CODE) != 0)
		vcpu->revectored_error = vmcs_read32(VMCS_IDT_VECTORING_ERROR_CODE);
}

static void inject_now(u32 info, u32 error, u32 length)
{
	if ((info & INTERRUPTION_ERROR_CODE) != 0)
		vmcs_write32(VMCS_ENTRY_ERROR_CODE, error);
	if ((info & INTERRUPTION_TYPE) >= INTERRUPTION_SOFTWARE)
		vmcs_write32(VMCS_ENTRY_INSTRUCTION_LENGTH, length);
	vmcs_write32(VMCS_ENTRY_INTERRUPTION_INFO, info);
}

static void inject_again(struct vmx_vcpu *vcpu)
{
	/* The processor set NMI blocking when it began to deliver; the entry wants it clear. */
	if ((vcpu->revectored & INTERRUPTION_TYPE) == INTERRUPTION_NMI)
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY,
		             vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY) & ~INTERRUPTIBILITY_NMI);
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

/* The first of what is pending that can go in now. */
static enum vmx_injection inject_first(struct vmx_vcpu *vcpu, int vector)
{
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
		inject_now(2 | INTERRUPTION_NMI | INTERRUPTION_VALID, 0, 0);
		vcpu->pending &= ~PENDING_NMI;
		return INJECTED_NMI;
	}
	if (vector < 0 || vmx_interrupt_blocked())
		return INJECTED_NOTHING;
	vmx_write_interrupt((u8)vector);
	return INJECTED_INTERRUPT;
}

/*
 * When an NMI can be tried again. In the shadow of STI by the interrupt window, IF being 1 then:
 * whether the NMI window waits for its end depends on the processor, as the blocking itself does
 * (SDM 3C table 25-3). An event that goes in ends all shadows.
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
