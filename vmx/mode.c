/* SPDX-License-Identifier: MIT */
#include "vmx/mode.h"

#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "vmx/setup.h"
#include "vmx/vcpu.h"

#define PDPTES        4u
#define PDPTE_PRESENT BIT(0)
#define CR3_PAE_TABLE BITS(31, 5)
#define BUSY_TSS_16   3u /* SDM 3A table 3-2 */

/* The processor takes the four PDPTEs from the VMCS at the next entry, and refuses a bad one. */
static bool load_pdptes(struct vmx_vcpu *vcpu, u64 physical_mask)
{
	u64 at = vmcs_read(VMCS_GUEST_CR3) & CR3_PAE_TABLE;
	const u64 *table = (const u64 *)(const void *)(vcpu->memory.base + at);
	u64 reserved = ~physical_mask | BITS(8, 5) | BITS(2, 1);
	u64 entry[PDPTES];

	if (at >= vcpu->memory.size)
		return false; /* reads as ones there */
	for (unsigned int i = 0; i < PDPTES; i++) {
		entry[i] = atomic_load_relaxed(&table[i]);
		if ((entry[i] & PDPTE_PRESENT) != 0 && (entry[i] & reserved) != 0)
			return false;
	}
	for (unsigned int i = 0; i < PDPTES; i++)
		vmcs_write_raw(VMCS_GUEST_PDPTE0 + 2 * i, entry[i]);
	return true;
}

/* IA-32e mode begins with the PG bit, or ends with it: what stands in the way (SDM 2B, MOV CR). */
static bool may_change_long_mode(bool on)
{
	u64 cr4 = vmx_read_cr4();

	if ((vmcs_read32(VMCS_GUEST_CS_ACCESS) & ACCESS_L) != 0)
		return false;
	if (!on)
		return (cr4 & CR4_PCIDE) == 0;
	return (cr4 & CR4_PAE) != 0 &&
	       (vmcs_read32(VMCS_GUEST_TR_ACCESS) & ACCESS_TYPE) != BUSY_TSS_16;
}

/* These bits change paging in legacy modes; with PAE they load the PDPTEs (SDM 3A 4.4.1). */
static bool change_paging(struct vmx_vcpu *vcpu, u64 value, u64 changed, u64 physical_mask)
{
	if ((value & CR0_PG) == 0 || (changed & (CR0_PG | CR0_CD | CR0_NW)) == 0 ||
	    (vmx_read_cr4() & CR4_PAE) == 0)
		return true;
	return load_pdptes(vcpu, physical_mask);
}

bool vmx_cr0_write(struct vmx_vcpu *vcpu, u64 value, u64 physical_mask)
{
	u64 changed = vmx_read_cr0() ^ value;
	u64 efer = vmcs_read64(VMCS_GUEST_EFER);

	if (value >> 32 != 0 || (value & (CR0_PG | CR0_PE)) == CR0_PG ||
	    (value & (CR0_NW | CR0_CD)) == CR0_NW)
		return false;
	if ((efer & EFER_LME) == 0) {
		if (!change_paging(vcpu, value, changed, physical_mask))
			return false;
	} else if ((changed & CR0_PG) != 0) {
		if (!may_change_long_mode((value & CR0_PG) != 0))
			return false;
		vmx_write_efer(efer ^ EFER_LMA);
	}
	vmx_write_cr0(vcpu, value | CR0_ET);
	if ((changed & (CR0_PG | CR0_WP)) != 0)
		vmx_flush_vpid(vcpu->flush_vpid);
	return true;
}

/*
 * Each of them, changed, loads the PDPTEs in PAE paging and empties the TLB (SDM 3A 4.4.1,
 * 4.10.4.1).
 */
#define CR4_PDPTE (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP)

bool vmx_cr4_write(struct vmx_vcpu *vcpu, u64 value, u64 physical_mask)
{
	bool is_long = (vmcs_read64(VMCS_GUEST_EFER) & EFER_LMA) != 0;
	u64 changed = vmx_read_cr4() ^ value;

	if (is_long && (value & CR4_PAE) == 0)
		return false;
	if ((changed & value & CR4_PCIDE) != 0 &&
	    (!is_long || (vmcs_read(VMCS_GUEST_CR3) & BITS(11, 0)) != 0))
		return false;
	if (!is_long && (vmx_read_cr0() & CR0_PG) != 0 && (value & CR4_PAE) != 0 &&
	    (changed & CR4_PDPTE) != 0 && !load_pdptes(vcpu, physical_mask))
		return false;
	vmx_write_cr4(vcpu, value);
	if ((changed & (CR4_PDPTE | CR4_PCIDE)) != 0)
		vmx_flush_vpid(vcpu->flush_vpid);
	return true;
}

/* LME changes only while paging is off; the processor sets LMA (SDM 3A 2.2.1). */
bool vmx_efer_write(struct vmx_vcpu *vcpu, u64 value)
{
	u64 old = vmcs_read64(VMCS_GUEST_EFER);

	if ((vmx_read_cr0() & CR0_PG) != 0 && ((old ^ value) & EFER_LME) != 0)
		return false;
	vmx_write_efer((value & ~EFER_LMA) | (old & EFER_LMA));
	if (((old ^ value) & EFER_NXE) != 0)
		vmx_flush_vpid(vcpu->flush_vpid);
	return true;
}
