/* SPDX-License-Identifier: MIT */
#include "vmx/apicv.h"

#include "vmx/controls.h"
#include "vmx/vcpu.h"
#include "vmx/vmcs.h"

#define CR8_EXITS (PRIMARY_CR8_LOAD_EXITING | PRIMARY_CR8_STORE_EXITING)
#define SERVED    (SECONDARY_APIC_REGISTERS | SECONDARY_VIRTUAL_INTERRUPTS)

static const u32 secondary[VMX_APICS] = {
	[VMX_APIC_XAPIC] = SERVED | SECONDARY_APIC_ACCESSES,
	[VMX_APIC_X2APIC] = SERVED | SECONDARY_X2APIC_MODE,
};
#define SECONDARY_APIC (SERVED | SECONDARY_APIC_ACCESSES | SECONDARY_X2APIC_MODE)

bool vmx_has_tpr_shadow(const struct vmx_caps *caps)
{
	return vmx_caps_offers(caps, CONTROL_PRIMARY, PRIMARY_TPR_SHADOW);
}

void vmx_tpr_shadow(struct vmx_vcpu *vcpu, bool on)
{
	if (!vmx_has_tpr_shadow(vcpu->caps))
		return;
	vmx_tpr_threshold(vcpu, 0);
	vcpu->cpu_controls &= ~(PRIMARY_TPR_SHADOW | CR8_EXITS);
	vcpu->cpu_controls |= on ? PRIMARY_TPR_SHADOW : CR8_EXITS;
	vmcs_write32(VMCS_PRIMARY_CONTROLS, vcpu->cpu_controls);
}

void vmx_tpr_threshold(struct vmx_vcpu *vcpu, u32 class)
{
	if (class == vcpu->tpr_threshold || !vmx_has_tpr_shadow(vcpu->caps))
		return;
	vcpu->tpr_threshold = class;
	vmcs_write32(VMCS_TPR_THRESHOLD, class);
}

bool vmx_apicv_offered(const struct vmx_caps *caps, enum vmx_apic how)
{
	return vmx_has_tpr_shadow(caps) && vmx_caps_offers(caps, CONTROL_SECONDARY, secondary[how]);
}

void vmx_apicv_prepare(struct vmx_vcpu *vcpu, const struct vmx_apicv *vm)
{
	static const u32 nothing[32];

	vmcs_write64(VMCS_APIC_ACCESS_ADDRESS, vm->access_page.raw);
	vmx_apicv_eoi_exits(nothing);
	vmx_apicv_status(0);
	vmx_apicv_set(vcpu, vm, VMX_APIC_TRAPPED);
}

void vmx_apicv_set(struct vmx_vcpu *vcpu, const struct vmx_apicv *vm, enum vmx_apic how)
{
	u32 controls = vmcs_read32(VMCS_SECONDARY_CONTROLS) & ~SECONDARY_APIC;
	bool served = how != VMX_APIC_TRAPPED;

	if (!served && vm->trapped_access)
		controls |= SECONDARY_APIC_ACCESSES;
	vmcs_write32(VMCS_SECONDARY_CONTROLS, controls | secondary[how]);
	vmx_tpr_shadow(vcpu, served || !vm->trapped_access);
	vmcs_write64(VMCS_EPTP, vm->ept[how].raw | vcpu->caps->eptp_flags);
	vmcs_write64(VMCS_MSR_BITMAP, vm->msr_bitmap[how].raw);
	vcpu->apic = how;
	vcpu->pending_interrupt = served ? PENDING_VIRTUAL : PENDING_INTERRUPT;
	vcpu->pending_halt = served ? PENDING_VIRTUAL : 0;
}

void vmx_apicv_offer(u32 vector)
{
	u16 status = vmcs_read16(VMCS_GUEST_INTERRUPT_STATUS);

	if (vector > (status & INTERRUPT_STATUS_RVI))
		vmx_apicv_status((u16)((status & INTERRUPT_STATUS_SVI) | vector));
}

void vmx_apicv_status(u16 status)
{
	vmcs_write16(VMCS_GUEST_INTERRUPT_STATUS, status);
}

void vmx_apicv_eoi_exits(const u32 tmr[32])
{
	static_assert(VMCS_EOI_EXIT_BITMAP_3 == VMCS_EOI_EXIT_BITMAP_0 + 6, "two apart");

	for (u32 i = 0; i < 4; i++)
		vmcs_write_raw(VMCS_EOI_EXIT_BITMAP_0 + 2 * i,
		               tmr[i * 8] | (u64)tmr[i * 8 + 4] << 32);
}

void vmx_posted_prepare(hpa_t descriptor, u8 vector)
{
	vmcs_write64(VMCS_POSTED_INTERRUPT_DESCRIPTOR, descriptor.raw);
	vmcs_write16(VMCS_POSTED_INTERRUPT_VECTOR, vector);
}

void vmx_posted_set(struct vmx_vcpu *vcpu, bool on)
{
	vcpu->pin_controls &= ~PIN_POSTED_INTERRUPTS;
	vcpu->pin_controls |= on ? PIN_POSTED_INTERRUPTS : 0;
	vmcs_write32(VMCS_PIN_CONTROLS, vcpu->pin_controls);
}
