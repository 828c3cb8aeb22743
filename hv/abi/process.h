/* SPDX-License-Identifier: MIT */
/*
 * A ring-3 program's address space, and the structure that root hands in to make a VM.
 *
 * monitor.elf runs once for each VM, with one thread for each vCPU; root.elf runs once, with one
 * thread. A thread starts at the ELF entry point with RDI = its index, RSP = top of its stack.
 * Nothing else is mapped than what stands here.
 */
#ifndef HV_ABI_PROCESS_H
#define HV_ABI_PROCESS_H

#include "hv/abi/counters.h"
#include "hv/abi/limits.h"
#include "hv/abi/message.h"
#include "hv/abi/screen.h"

#define USER_PROGRAM       0x400000ul   /* the ELF's segments, below USER_INFO */
#define USER_INFO          0x10000000ul /* struct process_info; root: struct root_info. Read-only */
#define USER_THREADS       0x20000000ul /* + index * USER_THREAD_STRIDE: struct thread_page */
#define USER_THREAD_STRIDE 0x10000ul
#define USER_STACK_OFFSET  0x4000ul /* in the stride; a hole lies below */
#define USER_STACK_SIZE    0x8000ul
#define USER_CONSOLE       0x40000000ul /* struct vm_console; root: + vm * CONSOLE_STRIDE */
#define CONSOLE_STRIDE     0x10000ul
#define USER_CORES         0x4f000000ul /* root: struct core_counters, one page a core. Read-only */
#define USER_COUNTERS      0x50000000ul /* + vcpu * COUNTERS_STRIDE; root: + vm * VM_COUNTERS_STRIDE */
#define VM_COUNTERS_STRIDE (MAX_VCPUS * COUNTERS_STRIDE)
#define USER_SCREEN        0x60000000ul  /* root: the screen, SCREEN_BYTES_MAX at most */
#define USER_IMAGE         0x100000000ul /* the guest's image module, read-only */
#define USER_MODULES       0x800000000ul /* + i * USER_MODULE_STRIDE: its modules, read-only */
#define USER_MODULE_STRIDE 0x200000000ul
#define USER_GUEST         0x1000000000ul /* the guest's memory from gpa 0, read-write */

/* A single-writer, single-reader ring of bytes between a monitor and root, which do not trust it.
 */
#define BYTE_RING_SIZE 4096u /* a power of two */
struct byte_ring {
	u32 head ALIGNED(CACHE_LINE); /* written by the producer; free-running */
	u32 tail ALIGNED(CACHE_LINE); /* written by the consumer; free-running */
	u8 data[BYTE_RING_SIZE] ALIGNED(CACHE_LINE);
};

enum console_channel {
	CONSOLE_COM1, /* for people */
	CONSOLE_COM2, /* for programs: telemetry lines */
	CONSOLE_CHANNELS
};

struct vm_console {
	struct byte_ring out[CONSOLE_CHANNELS]; /* guest to root */
	struct byte_ring in[CONSOLE_CHANNELS];  /* root to guest */
	u32 breaks;                             /* on COM1's line so far; written by root */
};
static_assert(sizeof(struct vm_console) <= CONSOLE_STRIDE, "console outgrew its pages");

/* The page a thread shares with ring 0. Root's calls pass and return their structures in `data`. */
#define THREAD_DATA_SIZE 2560u
struct thread_page {
	struct message message; /* written by ring 0 */
	struct reply reply;     /* written by the thread */
	u8 data[THREAD_DATA_SIZE] ALIGNED(16);
};
static_assert(sizeof(struct thread_page) <= PAGE_SIZE, "thread page");
static_assert(sizeof(struct root_event) <= THREAD_DATA_SIZE, "event in thread page");

enum apic_kind { APIC_XAPIC, APIC_X2APIC, APIC_KINDS };

/* struct vm_config.features */
#define VM_PV_KVM       BIT32(0)
#define VM_PV_TAP       BIT32(1)
#define VM_APICV        BIT32(2) /* APIC-register virtualisation, virtual-interrupt delivery */
#define VM_POSTED       BIT32(3)
#define VM_IPIV         BIT32(4)
#define VM_COUNTERS     BIT32(5) /* counters mapped into the guest */
#define VM_APIC_PAGE    BIT32(6) /* xAPIC: "virtualise APIC accesses" instead of an EPT hole */
#define VM_FEATURES_ALL (BIT32(7) - 1)

#define MODULE_NONE 0xffffffffu

/* A VM as root wants it made. Ring 0 checks every field again. */
struct vm_config {
	char name[VM_NAME_LEN];
	u32 vcpus; /* 1..MAX_VCPUS */
	u32 features;
	u32 apic;                         /* enum apic_kind: the mode the guest may be in at most */
	u32 monitor_module, image_module; /* indexes of the boot loader's modules */
	u32 module[VM_MODULES]; /* boot modules, or MODULE_NONE; the first is the initrd */
	u32 weight;             /* 1..1000, 100 is usual */
	u32 budget;      /* per mille of a core that its IPIs may take from others; 0: no bound */
	u64 cores;       /* bit n: core n; vCPU i goes to the (i mod count)-th of them */
	u64 memory;      /* bytes, a multiple of 2 MiB */
	u64 slice;       /* ticks; 0: the default */
	u64 timer_floor; /* microseconds: the shortest period of a vCPU's APIC timer; 0: none */
	char args[ARGS_LEN]; /* for the guest */
	char module_args[VM_MODULES][MODULE_ARGS_LEN];
};
static_assert(sizeof(struct vm_config) <= THREAD_DATA_SIZE, "config in thread page");

struct process_info {
	u32 vm;       /* ROOT_VM in root */
	u32 hz_known; /* TSC rate is from CPUID, not calibrated */
	u64 tsc_hz;
	u64 image_size, module_size[VM_MODULES]; /* bytes; 0: none */
	u64 physical_mask; /* monitor only: the guest's physical addresses, BITS(MAXPHYADDR - 1, 0)
	                    */
	struct vm_config config; /* monitor only */
};
static_assert(sizeof(struct process_info) <= PAGE_SIZE, "info page");

struct boot_module_info {
	u64 size;              /* bytes */
	char string[ARGS_LEN]; /* what grub.cfg says behind the path */
};

/* Root's info pages. Read-only; made at boot. */
struct root_info {
	struct process_info process;
	u32 cores; /* running */
	u32 modules;
	u64 memory_total, memory_free; /* bytes, when root started */
	u64 machine;                   /* MACHINE bits: what the processors can do */
	struct screen screen;          /* at USER_SCREEN */
	char command_line[ARGS_LEN];
	struct boot_module_info module[MAX_MODULES];
};

/* The first ones by the names of VT-x's controls. */
#define MACHINE_X2APIC_VIRTUAL     BIT(0) /* "virtualize x2APIC mode" */
#define MACHINE_APIC_ACCESS        BIT(1) /* "virtualize APIC accesses" */
#define MACHINE_VIRTUAL_INTERRUPTS BIT(2) /* "virtual-interrupt delivery" */
#define MACHINE_POSTED             BIT(3) /* "process posted interrupts" */
#define MACHINE_IPIV               BIT(4) /* "IPI virtualization" */
#define MACHINE_EMULATED           BIT(5) /* Bochs: ticks are instructions */
#define MACHINE_NESTED             BIT(6) /* the hypervisor itself runs under a hypervisor */
#define MACHINE_APIC_REGISTERS     BIT(7) /* "APIC-register virtualization" */
#define MACHINE_TPR_SHADOW         BIT(8) /* "use TPR shadow" */

#endif
