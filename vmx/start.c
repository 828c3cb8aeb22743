/* SPDX-License-Identifier: MIT */
#include "vmx/start.h"

#include "hv/base/x86.h"
#include "vmx/caps.h"
#include "vmx/controls.h"
#include "vmx/setup.h"
#include "vmx/state.h"
#include "vmx/vcpu.h"
#include "vmx/vmcs.h"

struct segment {
	u16 selector;
	u32 limit, access;
};

struct mode {
	struct segment code, data, ldt;
	u64 cr0, cr4, efer;
};

/* Access rights: present, S, type (0xb code, 0x3 data, both accessed), L, D/B, G. */
static const struct segment busy_tss = { 0, 0xffff, 0x8b };
#define NO_LDT                                                                                     \
	{                                                                                          \
		0, 0, ACCESS_UNUSABLE                                                              \
	}
static const struct mode real_mode = {
	{ 0, 0xffff, 0x9b }, { 0, 0xffff, 0x93 }, { 0, 0xffff, 0x82 }, CR0_ET, 0, 0
};
static const struct mode image_modes[START_MODES] = {
	[START_PROTECTED] = { { 0x08, 0xffffffff, 0xc09b },
	                      { 0x10, 0xffffffff, 0xc093 },
	                      NO_LDT,
	                      CR0_ET | CR0_NE | CR0_PE,
	                      0,
	                      0 },
	[START_LONG] = { { 0x10, 0xffffffff, 0xa09b },
	                 { 0x18, 0xffffffff, 0xc093 },
	                 NO_LDT,
	                 CR0_ET | CR0_NE | CR0_PE | CR0_PG,
	                 CR4_PAE,
	                 EFER_LME | EFER_LMA },
	[START_LINUX_32] = { { 0x10, 0xffffffff, 0xc09b },
	                     { 0x18, 0xffffffff, 0xc093 },
	                     NO_LDT,
	                     CR0_ET | CR0_NE | CR0_PE,
	                     0,
	                     0 },
};

static void write_segments(const struct mode *mode)
{
	for (unsigned int i = 0; i < SEGMENTS; i++) {
		const struct segment *s = i == SEG_CS     ? &mode->code
		                          : i == SEG_LDTR ? &mode->ldt
		                          : i == SEG_TR   ? &busy_tss
		                                          : &mode->data;

		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES, i), s->selector);
		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, i), s->limit);
		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES_ACCESS, i), s->access);
		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES_BASE, i), 0);
	}
}

/* Sets what all starts have in common: no event under way, tables empty, debugging off. */
static void write_common(struct vmx_vcpu *vcpu, const struct mode *mode)
{
	static const u16 zero[] = {
		VMCS_GUEST_CR3,           VMCS_GUEST_RSP,
		VMCS_GUEST_GDTR_BASE,     VMCS_GUEST_IDTR_BASE,
		VMCS_GUEST_ACTIVITY,      VMCS_GUEST_INTERRUPTIBILITY,
		VMCS_GUEST_PENDING_DEBUG, VMCS_ENTRY_INTERRUPTION_INFO,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(zero); i++)
		vmcs_write_raw(zero[i], 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(vcpu->gpr); i++)
		vcpu->gpr[i] = 0;
	write_segments(mode);
	vmx_write_cr0(vcpu, mode->cr0);
	vmx_write_cr4(vcpu, mode->cr4);
	vmx_write_efer(mode->efer);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_ONE);
	vmcs_write(VMCS_GUEST_DR7, DR7_RESET);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, 0xffff);
}

void vmx_start_real(struct vmx_vcpu *vcpu, u16 cs, u16 ip, u32 signature)
{
	u64 kept = vmx_read_cr0() & (CR0_CD | CR0_NW);

	write_common(vcpu, &real_mode);
	vmx_write_cr0(vcpu, CR0_ET | kept);
	vmx_state_init();
	vmx_flush_vpid(vcpu->flush_vpid); /* INIT empties the TLB */
	vmcs_write16(VMCS_GUEST_CS, cs);
	vmcs_write(VMCS_GUEST_CS_BASE, (u64)cs << 4);
	vmcs_write(VMCS_GUEST_RIP, ip);
	vcpu->gpr[RDX] = signature;
}

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

bool vmx_start_image(struct vmx_vcpu *vcpu, const struct vcpu_start *start)
{
	bool is_long = start->mode == START_LONG;

	if (start->mode >= START_MODES || !canonical(start->rip) || !canonical(start->rsp) ||
	    !canonical(start->gdt_base) || start->gdt_limit > 0xffff)
		return false;
	if (!is_long && start->rip > 0xffffffff)
		return false;
	if (is_long && start->cr3 >= vcpu->memory.size)
		return false;
	vcpu->pending &= ~PENDING_EVENTS;
	write_common(vcpu, &image_modes[start->mode]);
	vmcs_write(VMCS_GUEST_CR3, start->cr3);
	vmcs_write(VMCS_GUEST_GDTR_BASE, start->gdt_base);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, start->gdt_limit);
	vmcs_write(VMCS_GUEST_RIP, start->rip);
	vmcs_write(VMCS_GUEST_RSP, start->rsp);
	vcpu->gpr[RAX] = start->rax;
	vcpu->gpr[RBX] = start->rbx;
	vcpu->gpr[RCX] = start->rcx;
	vcpu->gpr[RDX] = start->rdx;
	vcpu->gpr[RSI] = start->rsi;
	vcpu->gpr[RDI] = start->rdi;
	return true;
}
