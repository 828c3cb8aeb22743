/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Names for the bits inside VMCS fields (SDM volume 3, chapters 25 and 28). All are masks, unless
 * their comment says that they are values of a group of bits.
 */
#ifndef VMX_CONTROLS_H
#define VMX_CONTROLS_H

#include "hv/base/bits.h"

/* Pin-based controls (table 25-5). */
#define PIN_EXTERNAL_INTERRUPT_EXITING BIT32(0)
#define PIN_NMI_EXITING                BIT32(3)
#define PIN_VIRTUAL_NMIS               BIT32(5)
#define PIN_PREEMPTION_TIMER           BIT32(6)
#define PIN_POSTED_INTERRUPTS          BIT32(7)

/* Primary processor-based controls (table 25-6). */
#define PRIMARY_INTERRUPT_WINDOW  BIT32(2)
#define PRIMARY_TSC_OFFSETTING    BIT32(3)
#define PRIMARY_HLT_EXITING       BIT32(7)
#define PRIMARY_INVLPG_EXITING    BIT32(9)
#define PRIMARY_MWAIT_EXITING     BIT32(10)
#define PRIMARY_RDPMC_EXITING     BIT32(11)
#define PRIMARY_RDTSC_EXITING     BIT32(12)
#define PRIMARY_CR3_LOAD_EXITING  BIT32(15)
#define PRIMARY_CR3_STORE_EXITING BIT32(16)
#define PRIMARY_TERTIARY          BIT32(17)
#define PRIMARY_CR8_LOAD_EXITING  BIT32(19)
#define PRIMARY_CR8_STORE_EXITING BIT32(20)
#define PRIMARY_TPR_SHADOW        BIT32(21)
#define PRIMARY_NMI_WINDOW        BIT32(22)
#define PRIMARY_DR_EXITING        BIT32(23)
#define PRIMARY_IO_EXITING        BIT32(24)
#define PRIMARY_IO_BITMAPS        BIT32(25)
#define PRIMARY_MONITOR_TRAP      BIT32(27)
#define PRIMARY_MSR_BITMAPS       BIT32(28)
#define PRIMARY_MONITOR_EXITING   BIT32(29)
#define PRIMARY_PAUSE_EXITING     BIT32(30)
#define PRIMARY_SECONDARY         BIT32(31)

/* Secondary processor-based controls (table 25-7). */
#define SECONDARY_APIC_ACCESSES            BIT32(0)
#define SECONDARY_EPT                      BIT32(1)
#define SECONDARY_DESCRIPTOR_TABLE_EXITING BIT32(2)
#define SECONDARY_RDTSCP                   BIT32(3)
#define SECONDARY_X2APIC_MODE              BIT32(4)
#define SECONDARY_VPID                     BIT32(5)
#define SECONDARY_WBINVD_EXITING           BIT32(6)
#define SECONDARY_UNRESTRICTED_GUEST       BIT32(7)
#define SECONDARY_APIC_REGISTERS           BIT32(8)
#define SECONDARY_VIRTUAL_INTERRUPTS       BIT32(9)
#define SECONDARY_PAUSE_LOOP_EXITING       BIT32(10)
#define SECONDARY_RDRAND_EXITING           BIT32(11)
#define SECONDARY_INVPCID                  BIT32(12)
#define SECONDARY_VM_FUNCTIONS             BIT32(13)
#define SECONDARY_VMCS_SHADOWING           BIT32(14)
#define SECONDARY_ENCLS_EXITING            BIT32(15)
#define SECONDARY_RDSEED_EXITING           BIT32(16)
#define SECONDARY_PML                      BIT32(17)
#define SECONDARY_VE                       BIT32(18)
#define SECONDARY_CONCEAL_FROM_PT          BIT32(19)
#define SECONDARY_XSAVES                   BIT32(20)
#define SECONDARY_PASID_TRANSLATION        BIT32(21)
#define SECONDARY_MODE_BASED_EXECUTE       BIT32(22)
#define SECONDARY_SUB_PAGE_WRITE           BIT32(23)
#define SECONDARY_PT_GUEST_PHYSICAL        BIT32(24)
#define SECONDARY_TSC_SCALING              BIT32(25)
#define SECONDARY_USER_WAIT                BIT32(26)
#define SECONDARY_PCONFIG                  BIT32(27)
#define SECONDARY_ENCLV_EXITING            BIT32(28)
#define SECONDARY_BUS_LOCK_DETECTION       BIT32(30)
#define SECONDARY_INSTRUCTION_TIMEOUT      BIT32(31)

/* Tertiary processor-based controls (table 25-8). */
#define TERTIARY_LOADIWKEY_EXITING         BIT(0)
#define TERTIARY_HLAT                      BIT(1)
#define TERTIARY_EPT_PAGING_WRITE          BIT(2)
#define TERTIARY_GUEST_PAGING_VERIFICATION BIT(3)
#define TERTIARY_IPI_VIRTUALIZATION        BIT(4)
#define TERTIARY_SPEC_CTRL                 BIT(7)

/* Primary VM-exit controls (table 25-13). */
#define EXIT_SAVE_DEBUG_CONTROLS   BIT32(2)
#define EXIT_HOST_64               BIT32(9)
#define EXIT_LOAD_PERF_GLOBAL_CTRL BIT32(12)
#define EXIT_ACKNOWLEDGE_INTERRUPT BIT32(15)
#define EXIT_SAVE_PAT              BIT32(18)
#define EXIT_LOAD_PAT              BIT32(19)
#define EXIT_SAVE_EFER             BIT32(20)
#define EXIT_LOAD_EFER             BIT32(21)
#define EXIT_SAVE_PREEMPTION_TIMER BIT32(22)
#define EXIT_CLEAR_BNDCFGS         BIT32(23)
#define EXIT_CONCEAL_FROM_PT       BIT32(24)
#define EXIT_CLEAR_RTIT_CTL        BIT32(25)
#define EXIT_CLEAR_LBR_CTL         BIT32(26)
#define EXIT_CLEAR_UINV            BIT32(27)
#define EXIT_LOAD_CET              BIT32(28)
#define EXIT_LOAD_PKRS             BIT32(29)
#define EXIT_SAVE_PERF_GLOBAL_CTRL BIT32(30)
#define EXIT_SECONDARY             BIT32(31)

/* VM-entry controls (table 25-16). */
#define ENTRY_LOAD_DEBUG_CONTROLS     BIT32(2)
#define ENTRY_GUEST_64                BIT32(9) /* "IA-32e mode guest": equal to EFER.LMA */
#define ENTRY_TO_SMM                  BIT32(10)
#define ENTRY_DEACTIVATE_DUAL_MONITOR BIT32(11)
#define ENTRY_LOAD_PERF_GLOBAL_CTRL   BIT32(13)
#define ENTRY_LOAD_PAT                BIT32(14)
#define ENTRY_LOAD_EFER               BIT32(15)
#define ENTRY_LOAD_BNDCFGS            BIT32(16)
#define ENTRY_CONCEAL_FROM_PT         BIT32(17)
#define ENTRY_LOAD_RTIT_CTL           BIT32(18)
#define ENTRY_LOAD_UINV               BIT32(19)
#define ENTRY_LOAD_CET                BIT32(20)
#define ENTRY_LOAD_LBR_CTL            BIT32(21)
#define ENTRY_LOAD_PKRS               BIT32(22)

/*
 * Interruption information: for VM entry (table 25-17), for VM exit (25-18) and for IDT vectoring
 * (25-20): valid 31 | 0 | NMI unblocking (exit) 12 | error code is valid 11 | type 10:8 | vector
 * 7:0.
 */
#define INTERRUPTION_VECTOR         BITS(7, 0)
#define INTERRUPTION_TYPE           BITS(10, 8)
#define INTERRUPTION_ERROR_CODE     BIT32(11)
#define INTERRUPTION_NMI_UNBLOCKING BIT32(12)
#define INTERRUPTION_VALID          BIT32(31)
/* The types, in place. */
#define INTERRUPTION_EXTERNAL             (0u << 8)
#define INTERRUPTION_NMI                  (2u << 8)
#define INTERRUPTION_EXCEPTION            (3u << 8)
#define INTERRUPTION_SOFTWARE             (4u << 8) /* INT n */
#define INTERRUPTION_PRIVILEGED_EXCEPTION (5u << 8) /* INT1 */
#define INTERRUPTION_SOFTWARE_EXCEPTION   (6u << 8) /* INT3, INTO */
#define INTERRUPTION_OTHER_EVENT          (7u << 8) /* entry only: pending MTF exit */

/* Interruptibility state (table 25-3). */
#define INTERRUPTIBILITY_STI     BIT32(0)
#define INTERRUPTIBILITY_MOV_SS  BIT32(1)
#define INTERRUPTIBILITY_SMI     BIT32(2)
#define INTERRUPTIBILITY_NMI     BIT32(3)
#define INTERRUPTIBILITY_ENCLAVE BIT32(4)
#define INTERRUPTIBILITY_SHADOWS (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)

/* Pending debug exceptions (table 25-4); exit qualifications of #DB have no bit 12. */
#define PENDING_DEBUG_ENABLED BIT(12) /* one of the breakpoints hit is enabled in DR7 */

/* Activity state: values (25.4.2). */
#define ACTIVITY_ACTIVE        0u
#define ACTIVITY_HLT           1u
#define ACTIVITY_SHUTDOWN      2u
#define ACTIVITY_WAIT_FOR_SIPI 3u

/* Segment access rights (table 25-2): the descriptor's bits 55:52 and 47:40, and "unusable". */
#define ACCESS_TYPE     BITS(3, 0)
#define ACCESS_CONFORMS BIT32(2) /* of a code segment: it runs with its caller's privilege */
#define ACCESS_S        BIT32(4)
#define ACCESS_DPL      BITS(6, 5)
#define ACCESS_P        BIT32(7)
#define ACCESS_AVL      BIT32(12)
#define ACCESS_L        BIT32(13)
#define ACCESS_DB       BIT32(14)
#define ACCESS_G        BIT32(15)
#define ACCESS_UNUSABLE BIT32(16)

/* Guest interrupt status (25.4.2): RVI 7:0, SVI 15:8. */
#define INTERRUPT_STATUS_RVI BITS(7, 0)
#define INTERRUPT_STATUS_SVI BITS(15, 8)

/* Exit qualification of an EPT violation (table 28-7). */
#define EPT_VIOLATION_READ            BIT(0)
#define EPT_VIOLATION_WRITE           BIT(1)
#define EPT_VIOLATION_FETCH           BIT(2)
#define EPT_VIOLATION_READABLE        BIT(3)
#define EPT_VIOLATION_WRITABLE        BIT(4)
#define EPT_VIOLATION_EXECUTABLE      BIT(5)
#define EPT_VIOLATION_USER_EXECUTABLE BIT(6)
#define EPT_VIOLATION_LINEAR_VALID    BIT(7) /* the guest-linear address field is valid */
#define EPT_VIOLATION_TRANSLATED      BIT(8) /* 1: of the address itself; 0: of a paging entry */
#define EPT_VIOLATION_NMI_UNBLOCKING  BIT(12)

/* Exit qualification of an I/O instruction (table 28-5). */
#define IO_SIZE       BITS(2, 0) /* bytes - 1: 0, 1 or 3 */
#define IO_IN         BIT(3)
#define IO_STRING     BIT(4)
#define IO_REP        BIT(5)
#define IO_IMMEDIATE  BIT(6)
#define IO_PORT_SHIFT 16

/* Exit qualification of a control-register access (table 28-3). */
#define CR_ACCESS_NUMBER          BITS(3, 0)
#define CR_ACCESS_TYPE_SHIFT      4 /* 5:4 */
#define CR_ACCESS_LMSW_MEMORY     BIT(6)
#define CR_ACCESS_GPR_SHIFT       8  /* 11:8 */
#define CR_ACCESS_LMSW_DATA_SHIFT 16 /* 31:16 */
/* Values of 5:4. */
#define CR_ACCESS_TO_CR   0u
#define CR_ACCESS_FROM_CR 1u
#define CR_ACCESS_CLTS    2u
#define CR_ACCESS_LMSW    3u

/* Exit qualification of a debug-register access (table 28-4). */
#define DR_ACCESS_NUMBER    BITS(2, 0)
#define DR_ACCESS_FROM_DR   BIT(4)
#define DR_ACCESS_GPR_SHIFT 8 /* 11:8 */

/* Exit qualification of an APIC access (table 28-6). */
#define APIC_ACCESS_OFFSET     BITS(11, 0)
#define APIC_ACCESS_TYPE_SHIFT 12 /* 15:12 */
/* Values of 15:12. */
#define APIC_ACCESS_LINEAR_READ    0u
#define APIC_ACCESS_LINEAR_WRITE   1u
#define APIC_ACCESS_LINEAR_FETCH   2u
#define APIC_ACCESS_LINEAR_EVENT   3u /* during event delivery */
#define APIC_ACCESS_PHYSICAL_EVENT 10u
#define APIC_ACCESS_PHYSICAL_OTHER 15u

/* EPTP (table 25-9): memory type 2:0, levels of the walk - 1 in 5:3, A/D 6, table 51:12. */
#define EPTP_WRITE_BACK     6ull
#define EPTP_LEVELS_4       (3ull << 3)
#define EPTP_ACCESSED_DIRTY BIT(6)

/* EPT entries (tables 29-1 to 29-7). */
#define EPT_READ       BIT(0)
#define EPT_WRITE      BIT(1)
#define EPT_EXECUTE    BIT(2)
#define EPT_RIGHTS     BITS(2, 0)
#define EPT_TYPE_SHIFT 3 /* of a leaf, 5:3: values as in the PAT; 6 = write-back */
#define EPT_IGNORE_PAT BIT(6)
#define EPT_LARGE      BIT(7)
#define EPT_ACCESSED   BIT(8)
#define EPT_DIRTY      BIT(9)
#define EPT_ADDRESS    BITS(51, 12)

/* INVEPT and INVVPID types: values (volume 3, chapter 31). */
#define INVEPT_SINGLE_CONTEXT            1u
#define INVEPT_ALL_CONTEXTS              2u
#define INVVPID_ADDRESS                  0u
#define INVVPID_SINGLE_CONTEXT           1u
#define INVVPID_ALL_CONTEXTS             2u
#define INVVPID_SINGLE_RETAINING_GLOBALS 3u

#endif
