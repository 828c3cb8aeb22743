/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * The encodings of the VMCS fields that are in use (SDM volume 3, appendix B), by the order and
 * names used there.
 *
 * An encoding says how wide its field is (bits 14:13, SDM 25.11.2, table 25-21): an accessor of
 * another width is refused by the compiler with VMCS_CHECK_WIDTH, which is why accessors are macros
 * that take these constants and no variables. Whether a field of an optional feature is
 * there follows from the control that uses it (vmx/caps.h).
 */
#ifndef VMX_FIELDS_H
#define VMX_FIELDS_H

/* Values of VMCS_WIDTH. */
#define VMCS_16      0u
#define VMCS_64      1u
#define VMCS_32      2u
#define VMCS_NATURAL 3u

#define VMCS_WIDTH(field) (((field) >> 13) & 3u)

/* Bits 11:10: 0 control, 1 read-only data, 2 guest state, 3 host state. */
#define VMCS_TYPE(field)    (((field) >> 10) & 3u)
#define VMCS_TYPE_READ_ONLY 1u

/* An expression of type void; `width` is one of the four above, `field` a constant. */
#define VMCS_CHECK_WIDTH(field, width)                                                             \
	((void)sizeof(struct {                                                                     \
		_Static_assert(VMCS_WIDTH(field) == (width), "VMCS field of another width");       \
		int unused;                                                                        \
	}))

/* B.1 16-bit fields: control, guest, host. */
#define VMCS_VPID                    0x0000u
#define VMCS_POSTED_INTERRUPT_VECTOR 0x0002u
#define VMCS_GUEST_ES                0x0800u
#define VMCS_GUEST_CS                0x0802u
#define VMCS_GUEST_SS                0x0804u
#define VMCS_GUEST_LDTR              0x080cu
#define VMCS_GUEST_TR                0x080eu
#define VMCS_GUEST_INTERRUPT_STATUS  0x0810u
#define VMCS_HOST_ES                 0x0c00u
#define VMCS_HOST_CS                 0x0c02u
#define VMCS_HOST_SS                 0x0c04u
#define VMCS_HOST_DS                 0x0c06u
#define VMCS_HOST_FS                 0x0c08u
#define VMCS_HOST_GS                 0x0c0au
#define VMCS_HOST_TR                 0x0c0cu

/* B.2 64-bit fields: control, read-only, guest, host. Encoding + 1 names the upper half. */
#define VMCS_IO_BITMAP_A                 0x2000u
#define VMCS_IO_BITMAP_B                 0x2002u
#define VMCS_MSR_BITMAP                  0x2004u
#define VMCS_TSC_OFFSET                  0x2010u
#define VMCS_VIRTUAL_APIC_ADDRESS        0x2012u
#define VMCS_APIC_ACCESS_ADDRESS         0x2014u
#define VMCS_POSTED_INTERRUPT_DESCRIPTOR 0x2016u
#define VMCS_EPTP                        0x201au
#define VMCS_EOI_EXIT_BITMAP_0           0x201cu
#define VMCS_EOI_EXIT_BITMAP_3           0x2022u
#define VMCS_XSS_EXITING_BITMAP          0x202cu
#define VMCS_GUEST_PHYSICAL_ADDRESS      0x2400u
#define VMCS_LINK_POINTER                0x2800u
#define VMCS_GUEST_DEBUGCTL              0x2802u
#define VMCS_GUEST_PAT                   0x2804u
#define VMCS_GUEST_EFER                  0x2806u
#define VMCS_GUEST_PDPTE0                0x280au
#define VMCS_GUEST_PDPTE1                0x280cu
#define VMCS_GUEST_PDPTE2                0x280eu
#define VMCS_GUEST_PDPTE3                0x2810u
#define VMCS_HOST_PAT                    0x2c00u
#define VMCS_HOST_EFER                   0x2c02u

/* B.3 32-bit fields: control, read-only, guest, host. */
#define VMCS_PIN_CONTROLS             0x4000u
#define VMCS_PRIMARY_CONTROLS         0x4002u
#define VMCS_EXCEPTION_BITMAP         0x4004u
#define VMCS_PAGE_FAULT_ERROR_MASK    0x4006u
#define VMCS_PAGE_FAULT_ERROR_MATCH   0x4008u
#define VMCS_CR3_TARGET_COUNT         0x400au
#define VMCS_EXIT_CONTROLS            0x400cu
#define VMCS_EXIT_MSR_STORE_COUNT     0x400eu
#define VMCS_EXIT_MSR_LOAD_COUNT      0x4010u
#define VMCS_ENTRY_CONTROLS           0x4012u
#define VMCS_ENTRY_MSR_LOAD_COUNT     0x4014u
#define VMCS_ENTRY_INTERRUPTION_INFO  0x4016u
#define VMCS_ENTRY_ERROR_CODE         0x4018u
#define VMCS_ENTRY_INSTRUCTION_LENGTH 0x401au
#define VMCS_TPR_THRESHOLD            0x401cu
#define VMCS_SECONDARY_CONTROLS       0x401eu
#define VMCS_INSTRUCTION_ERROR        0x4400u
#define VMCS_EXIT_REASON              0x4402u
#define VMCS_EXIT_INTERRUPTION_INFO   0x4404u
#define VMCS_IDT_VECTORING_INFO       0x4408u
#define VMCS_IDT_VECTORING_ERROR_CODE 0x440au
#define VMCS_EXIT_INSTRUCTION_LENGTH  0x440cu
#define VMCS_GUEST_ES_LIMIT           0x4800u
#define VMCS_GUEST_CS_LIMIT           0x4802u
#define VMCS_GUEST_SS_LIMIT           0x4804u
#define VMCS_GUEST_LDTR_LIMIT         0x480cu
#define VMCS_GUEST_TR_LIMIT           0x480eu
#define VMCS_GUEST_GDTR_LIMIT         0x4810u
#define VMCS_GUEST_IDTR_LIMIT         0x4812u
#define VMCS_GUEST_ES_ACCESS          0x4814u
#define VMCS_GUEST_CS_ACCESS          0x4816u
#define VMCS_GUEST_SS_ACCESS          0x4818u
#define VMCS_GUEST_LDTR_ACCESS        0x4820u
#define VMCS_GUEST_TR_ACCESS          0x4822u
#define VMCS_GUEST_INTERRUPTIBILITY   0x4824u
#define VMCS_GUEST_ACTIVITY           0x4826u
#define VMCS_GUEST_SYSENTER_CS        0x482au
#define VMCS_PREEMPTION_TIMER         0x482eu
#define VMCS_HOST_SYSENTER_CS         0x4c00u

/* B.4 Natural-width fields: control, read-only, guest, host. */
#define VMCS_CR0_MASK             0x6000u
#define VMCS_CR4_MASK             0x6002u
#define VMCS_CR0_SHADOW           0x6004u
#define VMCS_CR4_SHADOW           0x6006u
#define VMCS_EXIT_QUALIFICATION   0x6400u
#define VMCS_GUEST_LINEAR_ADDRESS 0x640au
#define VMCS_GUEST_CR0            0x6800u
#define VMCS_GUEST_CR3            0x6802u
#define VMCS_GUEST_CR4            0x6804u
#define VMCS_GUEST_ES_BASE        0x6806u
#define VMCS_GUEST_CS_BASE        0x6808u
#define VMCS_GUEST_SS_BASE        0x680au
#define VMCS_GUEST_GS_BASE        0x6810u
#define VMCS_GUEST_LDTR_BASE      0x6812u
#define VMCS_GUEST_GDTR_BASE      0x6816u
#define VMCS_GUEST_IDTR_BASE      0x6818u
#define VMCS_GUEST_DR7            0x681au
#define VMCS_GUEST_RSP            0x681cu
#define VMCS_GUEST_RIP            0x681eu
#define VMCS_GUEST_RFLAGS         0x6820u
#define VMCS_GUEST_PENDING_DEBUG  0x6822u
#define VMCS_GUEST_SYSENTER_ESP   0x6824u
#define VMCS_GUEST_SYSENTER_EIP   0x6826u
#define VMCS_HOST_CR0             0x6c00u
#define VMCS_HOST_CR3             0x6c02u
#define VMCS_HOST_CR4             0x6c04u
#define VMCS_HOST_FS_BASE         0x6c06u
#define VMCS_HOST_GS_BASE         0x6c08u
#define VMCS_HOST_TR_BASE         0x6c0au
#define VMCS_HOST_GDTR_BASE       0x6c0cu
#define VMCS_HOST_IDTR_BASE       0x6c0eu
#define VMCS_HOST_SYSENTER_ESP    0x6c10u
#define VMCS_HOST_SYSENTER_EIP    0x6c12u
#define VMCS_HOST_RSP             0x6c14u
#define VMCS_HOST_RIP             0x6c16u

/*
 * The fields of one segment lie two apart, in this order; TR ends the list. So that a loop over
 * segments needs no table of fields.
 */
enum vmcs_segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEGMENTS };

#define VMCS_SEGMENT(first, segment) ((first) + 2u * (unsigned int)(segment))

#endif
