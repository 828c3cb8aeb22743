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
#define PRIMARY_IO_BITMAPS        BIT32(25)
#define PRIMARY_MONITOR_TRAP      BIT32(27)
#define PRIMARY_MSR_BITMAPS       BIT32(28)
#define PRIMARY_MONITOR_EXITING   BIT32(29)
#define PRIMARY_PAUSE_EXITING     BIT32(30)
#define PRIMARY_SECONDARY         BIT32(31)

/* Secondary processor-based controls (table 25-7). */
#define SECONDARY_APIC_ACCESSES      BIT32(0)
#define SECONDARY_EPT                BIT32(1)
#define SECONDARY_RDTSCP             BIT32(3)
#define SECONDARY_X2APIC_MODE        BIT32(4)
#define SECONDARY_VPID               BIT32(5)
#define SECONDARY_WBINVD_EXITING     BIT32(6)
#define SECONDARY_UNRESTRICTED_GUEST BIT32(7)
#define SECONDARY_APIC_REGISTERS     BIT32(8)
#define SECONDARY_VIRTUAL_INTERRUPTS BIT32(9)
#define SECONDARY_INVPCID            BIT32(12)
#define SECONDARY_XSAVES             BIT32(20)
#define SECONDARY_BUS_LOCK_DETECTION BIT32(30)

/* Tertiary processor-based controls (table 25-8). */
#define TERTIARY_IPI_VIRTUALIZATION BIT(4)

/* Primary VM-exit controls (table 25-13). */
#define EXIT_SAVE_DEBUG_CONTROLS   BIT32(2)
#define EXIT_HOST_64               BIT32(9)
#define EXIT_ACKNOWLEDGE_INTERRUPT BIT32(15)
#define EXIT_SAVE_PAT              BIT32(18)
#define EXIT_LOAD_PAT              BIT32(19)
#define EXIT_SAVE_EFER             BIT32(20)
#define EXIT_LOAD_EFER             BIT32(21)
#define EXIT_SAVE_PREEMPTION_TIMER BIT32(22)

/* VM-entry controls (table 25-16). */
#define ENTRY_LOAD_DEBUG_CONTROLS BIT32(2)
#define ENTRY_GUEST_64            BIT32(9) /* "IA-32e mode guest": equal to EFER.LMA */
#define ENTRY_LOAD_PAT            BIT32(14)
#define ENTRY_LOAD_EFER           BIT32(15)

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

/* Interruptibility state (table 25-3). */
#define INTERRUPTIBILITY_STI     BIT32(0)
#define INTERRUPTIBILITY_MOV_SS  BIT32(1)
#define INTERRUPTIBILITY_NMI     BIT32(3)
#define INTERRUPTIBILITY_SHADOWS (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)

/* Pending debug exceptions (table 25-4); exit qualifications of #DB have no bit 12. */
#define PENDING_DEBUG_ENABLED BIT(12) /* one of the breakpoints hit is enabled in DR7 */

/* Activity state: values (25.4.2). */
#define ACTIVITY_ACTIVE 0u

/* Segment access rights (table 25-2): the descriptor's bits 55:52 and 47:40, and "unusable". */
#define ACCESS_TYPE     BITS(3, 0)
#define ACCESS_CONFORMS BIT32(2) /* of a code segment: it runs with its caller's privilege */
#define ACCESS_S        BIT32(4)
#define ACCESS_DPL      BITS(6, 5)
#define ACCESS_P        BIT32(7)
#define ACCESS_L        BIT32(13)
#define ACCESS_DB       BIT32(14)
#define ACCESS_G        BIT32(15)
#define ACCESS_UNUSABLE BIT32(16)

/* Guest interrupt status (25.4.2): RVI 7:0, SVI 15:8. */
#define INTERRUPT_STATUS_RVI BITS(7, 0)
#define INTERRUPT_STATUS_SVI BITS(15, 8)

/* Exit qualification of an EPT violation (table 28-7). */
#define EPT_VIOLATION_READ         BIT(0)
#define EPT_VIOLATION_WRITE        BIT(1)
#define EPT_VIOLATION_FETCH        BIT(2)
#define EPT_VIOLATION_LINEAR_VALID BIT(7) /* the guest-linear address field is valid */
#define EPT_VIOLATION_TRANSLATED   BIT(8) /* 1: of the address itself; 0: of a paging entry */

/* Exit qualification of an I/O instruction (table 28-5). */
#define IO_SIZE       BITS(2, 0) /* bytes - 1: 0, 1 or 3 */
#define IO_IN         BIT(3)
#define IO_STRING     BIT(4)
#define IO_REP        BIT(5)
#define IO_PORT_SHIFT 16

/* Exit qualification of a control-register access (table 28-3). */
#define CR_ACCESS_NUMBER          BITS(3, 0)
#define CR_ACCESS_LMSW_DATA_SHIFT 16 /* 31:16 */
/* Values of 5:4. */
#define CR_ACCESS_TO_CR   0u
#define CR_ACCESS_FROM_CR 1u
#define CR_ACCESS_CLTS    2u
#define CR_ACCESS_LMSW    3u

/* Exit qualification of an APIC access (table 28-6). */
#define APIC_ACCESS_OFFSET     BITS(11, 0)
#define APIC_ACCESS_TYPE_SHIFT 12 /* 15:12 */
/* Values of 15:12. */
#define APIC_ACCESS_LINEAR_WRITE   1u
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

/* INVEPT and INVVPID types: values (volume 3, chapter 31). */
#define INVVPID_SINGLE_CONTEXT 1u
#define INVVPID_ALL_CONTEXTS   2u

#endif
