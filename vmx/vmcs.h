/* SPDX-License-Identifier: MIT */
/*
 * Access to the current VMCS (SDM 3C 25.11, 31.3). The width of a field is part of its encoding
 * (bits 14:13): an accessor of another width does not compile. Every access is checked; a failure
 * is the hypervisor's own mistake, and stops the machine with the field's name in the report.
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "hv/base/types.h"
#include "vmx/fields.h"

struct vmx_vcpu;
struct vpid_flush;

NOINLINE NORETURN void vmcs_access_failed(u64 field);

static ALWAYS_INLINE u64 vmcs_read_raw(u64 field)
{
	u64 value;

	__asm__ goto("vmread %[field], %[value]\n\tjbe %l[failed]"
	             : [value] "=r"(value)
	             : [field] "r"(field)
	             : "cc"
	             : failed);
	return value;
failed:
	vmcs_access_failed(field);
}

/*
 * Reads a field without the check: for fields that every VMCS has, where a checked access follows
 * at once. Such a read fails only for want of a current VMCS, and then so does the access that
 * follows.
 */
static ALWAYS_INLINE u64 vmcs_peek(u64 field)
{
	u64 value;

	__asm__ volatile("vmread %[field], %[value]"
	                 : [value] "=r"(value)
	                 : [field] "r"(field)
	                 : "cc");
	return value;
}

static ALWAYS_INLINE void vmcs_write_raw(u64 field, u64 value)
{
	__asm__ goto("vmwrite %[value], %[field]\n\tjbe %l[failed]"
	             :
	             : [value] "r"(value), [field] "r"(field)
	             : "cc", "memory"
	             : failed);
	return;
failed:
	vmcs_access_failed(field);
}

#define VMCS_CHECKED(field, width) (VMCS_CHECK_WIDTH(field, width), (u64)(field))

#define vmcs_read16(field)     ((u16)vmcs_read_raw(VMCS_CHECKED(field, VMCS_16)))
#define vmcs_read32(field)     ((u32)vmcs_read_raw(VMCS_CHECKED(field, VMCS_32)))
#define vmcs_read64(field)     vmcs_read_raw(VMCS_CHECKED(field, VMCS_64))
#define vmcs_read(field)       vmcs_read_raw(VMCS_CHECKED(field, VMCS_NATURAL))
#define vmcs_write16(field, v) vmcs_write_raw(VMCS_CHECKED(field, VMCS_16), (u16)(v))
#define vmcs_write32(field, v) vmcs_write_raw(VMCS_CHECKED(field, VMCS_32), (u32)(v))
#define vmcs_write64(field, v) vmcs_write_raw(VMCS_CHECKED(field, VMCS_64), (u64)(v))
#define vmcs_write(field, v)   vmcs_write_raw(VMCS_CHECKED(field, VMCS_NATURAL), (u64)(v))

/* Execute VMPTRLD, VMCLEAR, VMXON; false when the instruction failed. */
MUST_USE bool vmcs_load(hpa_t vmcs);
MUST_USE bool vmcs_clear(hpa_t vmcs);
MUST_USE bool vmx_on(hpa_t region);

/* Does INVEPT for all contexts of this core. Call it after EPT entries were narrowed or reused. */
void vmx_flush_ept(void);

/*
 * Does INVVPID on this core: drops what was cached of a vCPU, or of all where the processor can do
 * no less. Does nothing where VPIDs are not in use, as each entry empties the TLB then.
 */
void vmx_flush_vpid(struct vpid_flush how);

#endif
