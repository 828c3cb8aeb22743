/* SPDX-License-Identifier: MIT */
#include "vmx/start.h"

#include "hv/base/x86.h"
#include "vmx/caps.h"
#include "vmx/controls.h"
#include "vmx/setup.h"
#include "vmx/vcpu.h"
#include "vmx/vmcs.h"

/* CR4 bits that a 64-bit start needs. */
#define LONG_CR4 CR4_PAE
#define REAL_CR0 (CR0_ET | CR0_NE)

struct segment {
	u16 selector;
	u32 limit, access;
};

/* Access rights: present, S, type (0xb code, 0x3 data, both accessed), L, D/B, G. */
#define REAL_CODE                                                                                  \
	{                                                                                          \
		0, 0xffff, 0x9b                                                                    \
	}
#define REAL_DATA                                                                                  \
	{                                                                                          \
		0, 0xffff, 0x93                                                                    \
	}
#define FLAT_CODE                                                                                  \
	{                                                                                          \
		0x10, 0xffffffff, 0xc09b                                                           \
	}
#define FLAT_DATA                                                                                  \
	{                                                                                          \
		0x18, 0xffffffff, 0xc093                                                           \
	}
#define LONG_CODE                                                                                  \
	{                                                                                          \
		0x10, 0xffffffff, 0xa09b                                                           \
	}
#define NO_LDT                                                                                     \
	{                                                                                          \
		0, 0, ACCESS_UNUSABLE                                                              \
	}
#define BUSY_TSS                                                                                   \
	{                                                                                          \
		0, 0xffff, 0x8b                                                                    \
	}

enum start_row { ROW_REAL, ROW_PROTECTED, ROW_LONG };

/* In the order of enum vmcs_segment. */
static const struct segment rows[][SEGMENTS] = {
	[ROW_REAL] = { REAL_DATA, REAL_CODE, REAL_DATA, REAL_DATA, REAL_DATA, REAL_DATA, NO_LDT,
	               BUSY_TSS },
	[ROW_PROTECTED] = { FLAT_DATA, FLAT_CODE, FLAT_DATA, FLAT_DATA, FLAT_DATA, FLAT_DATA,
	                    NO_LDT, BUSY_TSS },
	[ROW_LONG] = { FLAT_DATA, LONG_CODE, FLAT_DATA, FLAT_DATA, FLAT_DATA, FLAT_DATA, NO_LDT,
	               BUSY_TSS },
};

static void write_segments(const struct segment *row)
{
	for (unsigned int i = 0; i < SEGMENTS; i++) {
		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES, i), row[i].selector);
		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES_LIMIT, i), row[i].limit);
		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES_ACCESS, i), row[i].access);
		vmcs_write_raw(VMCS_SEGMENT(VMCS_GUEST_ES_BASE, i), 0);
	}
}

/* What every start has in common: no event under way, tables empty, debugging off. */
static void write_common(struct vmx_vcpu *vcpu, enum start_row row, u64 cr0, u64 cr4, u64 efer)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(vcpu->gpr); i++)
		vcpu->gpr[i] = 0;
	vcpu->pending &= ~PENDING_EVENTS;
	write_segments(rows[row]);
	vmx_write_cr0(vcpu, cr0);
	vmx_write_cr4(vcpu, cr4);
	vmx_write_efer(vcpu, efer);
	vmcs_write(VMCS_GUEST_CR3, 0);
	vmcs_write(VMCS_GUEST_RSP, 0);
	vmcs_write(VMCS_GUEST_RFLAGS, RFLAGS_ONE);
	vmcs_write(VMCS_GUEST_DR7, 0x400);
	vmcs_write(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, 0xffff);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write32(VMCS_ENTRY_INTERRUPTION_INFO, 0);
}

void vmx_start_sipi(struct vmx_vcpu *vcpu, u8 vector)
{
	write_common(vcpu, ROW_REAL, REAL_CR0, 0, 0);
	vmx_flush_vpid(); /* INIT empties the TLB */
	vmcs_write16(VMCS_GUEST_CS, vector << 8);
	vmcs_write(VMCS_GUEST_CS_BASE, (u64)vector << 12);
	vmcs_write(VMCS_GUEST_RIP, 0);
	vcpu->gpr[RDX] = 0x600; /* family 6: what EDX tells after INIT */
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
	write_common(vcpu, is_long ? ROW_LONG : ROW_PROTECTED,
	             REAL_CR0 | CR0_PE | (is_long ? CR0_PG : 0), is_long ? LONG_CR4 : 0,
	             is_long ? EFER_LME | EFER_LMA : 0);
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
