/* SPDX-License-Identifier: MIT */
#include "vmx/setup.h"

#include "hv/base/memory.h"
#include "hv/base/x86.h"
#include "vmx/apicv.h"
#include "vmx/caps.h"
#include "vmx/controls.h"
#include "vmx/state.h"
#include "vmx/vmcs.h"

bool vmx_core_start(const struct vmx_caps *caps, const struct vmx_raw *mine, hpa_t region)
{
	*(u32 *)hpa_to_ptr(region) = caps->revision;
	if ((mine->word[WORD_FEATURE_CONTROL] & FEATURE_CONTROL_LOCKED) == 0)
		wrmsr(IA32_FEATURE_CONTROL,
		      FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE_SMX);
	write_cr0((read_cr0() | caps->cr0_set) & caps->cr0_may);
	write_cr4((read_cr4() | caps->cr4_set | CR4_VMXE) & caps->cr4_may);
	return vmx_on(region);
}

static u64 idt_base(void)
{
	struct {
		u16 limit;
		u64 base;
	} PACKED idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	return idtr.base;
}

static void write_host(struct vmx_vcpu *vcpu, const struct vmx_host *host)
{
	vmcs_write(VMCS_HOST_CR0, read_cr0() & ~CR0_TS); /* set while root runs */
	vmcs_write(VMCS_HOST_CR3, host->cr3);
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write16(VMCS_HOST_CS, host->code);
	vmcs_write16(VMCS_HOST_SS, host->data);
	vmcs_write16(VMCS_HOST_DS, host->data);
	vmcs_write16(VMCS_HOST_ES, host->data);
	vmcs_write16(VMCS_HOST_TR, host->tss);
	vmcs_write(VMCS_HOST_TR_BASE, host->tss_base);
	vmcs_write(VMCS_HOST_GDTR_BASE, host->gdt_base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt_base());
	vmcs_write64(VMCS_HOST_EFER, rdmsr(IA32_EFER));
	vmcs_write64(VMCS_HOST_PAT, rdmsr(IA32_PAT));
	vmcs_write(VMCS_HOST_RSP, (u64)(uintptr_t)&vcpu->gpr[ARRAY_SIZE(vcpu->gpr)]);
	vmcs_write(VMCS_HOST_RIP, (u64)(uintptr_t)vmx_exit);
	vcpu->stack_top = host->stack_top;
}

/*
 * #DB and #AC exit and are injected again: a guest that makes the delivery of one raise the other,
 * endlessly, would otherwise hold the core with interrupts shut out (CVE-2015-5307, CVE-2015-8104).
 * #MC is the host's.
 */
#define TRAPPED_EXCEPTIONS (BIT32(1) | BIT32(17) | BIT32(18))

static void write_controls(struct vmx_vcpu *vcpu, const struct vmx_config *config)
{
	const struct vmx_caps *caps = config->caps;
	u32 secondary = caps->control[CONTROL_SECONDARY];
	u32 exit = caps->control[CONTROL_EXIT];

	vcpu->pin_controls = caps->control[CONTROL_PIN] |
	                     (caps->allowed[CONTROL_PIN] & PIN_PREEMPTION_TIMER);
	vcpu->cpu_controls = caps->control[CONTROL_PRIMARY];
	if (config->apic_page.raw != 0) {
		secondary |= SECONDARY_APIC_ACCESSES;
		vmcs_write64(VMCS_APIC_ACCESS_ADDRESS, config->apic_page.raw);
	}
	vmcs_write32(VMCS_PIN_CONTROLS, vcpu->pin_controls);
	vmcs_write32(VMCS_PRIMARY_CONTROLS, vcpu->cpu_controls);
	vmcs_write32(VMCS_SECONDARY_CONTROLS, secondary);
	if ((vcpu->pin_controls & PIN_PREEMPTION_TIMER) != 0)
		exit |= caps->allowed[CONTROL_EXIT] & EXIT_SAVE_PREEMPTION_TIMER;
	vcpu->timer_goes_on = (exit & EXIT_SAVE_PREEMPTION_TIMER) != 0;
	vmcs_write32(VMCS_EXIT_CONTROLS, exit);
	vmcs_write32(VMCS_ENTRY_CONTROLS, caps->control[CONTROL_ENTRY]);
	vmcs_write32(VMCS_EXCEPTION_BITMAP, TRAPPED_EXCEPTIONS);
	vmcs_write64(VMCS_MSR_BITMAP, config->msr_bitmap.raw);
	vmcs_write64(VMCS_IO_BITMAP_A, config->io_bitmaps.raw);
	vmcs_write64(VMCS_IO_BITMAP_B, config->io_bitmaps.raw + PAGE_SIZE);
	vmcs_write64(VMCS_EPTP, config->ept.raw | caps->eptp_flags);
	if ((secondary & SECONDARY_VPID) != 0)
		vmcs_write16(VMCS_VPID, config->vpid);
	vcpu->flush_vpid = (struct vpid_flush){ config->vpid, caps->invvpid_type };
	if (vmx_has_tpr_shadow(caps)) {
		vmcs_write64(VMCS_VIRTUAL_APIC_ADDRESS, config->virtual_apic.raw);
		vmcs_write32(VMCS_TPR_THRESHOLD, 0);
	}
	if ((secondary & SECONDARY_XSAVES) != 0)
		vmcs_write64(VMCS_XSS_EXITING_BITMAP, 0);
	vmcs_write(VMCS_CR0_MASK, GUEST_CR0_OWNED | caps->guest_cr0_set);
	vmcs_write(VMCS_CR4_MASK, ~config->cr4_guest | CR4_MCE);
	vmcs_write64(VMCS_LINK_POINTER, ~0ull);
	vmcs_write32(VMCS_PREEMPTION_TIMER, ~0u);
}

/* Fields that are 0 from the beginning; of the guest's, those no start state (start.h) sets. */
static const u16 zero_fields[] = {
	VMCS_HOST_FS,
	VMCS_HOST_GS,
	VMCS_HOST_FS_BASE,
	VMCS_HOST_GS_BASE,
	VMCS_HOST_SYSENTER_CS,
	VMCS_HOST_SYSENTER_ESP,
	VMCS_HOST_SYSENTER_EIP,
	VMCS_PAGE_FAULT_ERROR_MASK,
	VMCS_PAGE_FAULT_ERROR_MATCH,
	VMCS_CR3_TARGET_COUNT,
	VMCS_EXIT_MSR_STORE_COUNT,
	VMCS_EXIT_MSR_LOAD_COUNT,
	VMCS_ENTRY_MSR_LOAD_COUNT,
	VMCS_TSC_OFFSET,
	VMCS_GUEST_DEBUGCTL,
	VMCS_GUEST_SYSENTER_CS,
	VMCS_GUEST_SYSENTER_ESP,
	VMCS_GUEST_SYSENTER_EIP,
};

bool vmx_vcpu_setup(struct vmx_vcpu *vcpu, const struct vmx_config *config,
                    const struct vmx_host *host)
{
	*(u32 *)hpa_to_ptr(vcpu->vmcs) = config->caps->revision;
	vcpu->caps = config->caps;
	vcpu->pending_interrupt = PENDING_INTERRUPT;
	if (!vmcs_clear(vcpu->vmcs) || !vmcs_load(vcpu->vmcs))
		return false;
	write_controls(vcpu, config);
	write_host(vcpu, host);
	for (unsigned int i = 0; i < ARRAY_SIZE(zero_fields); i++)
		vmcs_write_raw(zero_fields[i], 0);
	vmcs_write64(VMCS_GUEST_PAT, PAT_RESET);
	vmx_write_cr0(vcpu, CR0_ET); /* firmware has set caches up: CD and NW are clear */
	vmx_state_reset(&vcpu->state);
	return true;
}

/* Returns a register as the guest sees it: bits of the mask from the shadow, the others itself. */
static u64 guest_view(u64 mask, u64 shadow, u64 real)
{
	return (shadow & mask) | (real & ~mask);
}

u64 vmx_read_cr0(void)
{
	return guest_view(vmcs_read(VMCS_CR0_MASK), vmcs_read(VMCS_CR0_SHADOW),
	                  vmcs_read(VMCS_GUEST_CR0));
}

u64 vmx_read_cr4(void)
{
	return guest_view(vmcs_read(VMCS_CR4_MASK), vmcs_read(VMCS_CR4_SHADOW),
	                  vmcs_read(VMCS_GUEST_CR4));
}

/* Keeps CD and NW out of the processor: entry would ignore them, and caches stay on. */
void vmx_write_cr0(struct vmx_vcpu *vcpu, u64 value)
{
	vmcs_write(VMCS_CR0_SHADOW, value);
	vmcs_write(VMCS_GUEST_CR0, vmx_caps_guest_cr0(vcpu->caps, value & ~(CR0_CD | CR0_NW)));
}

void vmx_write_cr4(struct vmx_vcpu *vcpu, u64 value)
{
	vmcs_write(VMCS_CR4_SHADOW, value);
	vmcs_write(VMCS_GUEST_CR4, vmx_caps_guest_cr4(vcpu->caps, value));
}

void vmx_write_efer(u64 value)
{
	u32 entry = vmcs_read32(VMCS_ENTRY_CONTROLS) & ~ENTRY_GUEST_64;

	vmcs_write64(VMCS_GUEST_EFER, value);
	vmcs_write32(VMCS_ENTRY_CONTROLS, (value & EFER_LMA) != 0 ? entry | ENTRY_GUEST_64 : entry);
}
