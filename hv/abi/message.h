/* SPDX-License-Identifier: MIT */
/*
 * Messages of ring 0 to a VM's monitor, the monitor's replies, and ring 0's events for root.
 *
 * Thread i of a monitor serves vCPU i, on the same core. Each thread has a page shared with ring 0
 * (struct thread_page). SYS_REPLY_WAIT hands over `reply` for the message at hand and returns when
 * the next `message` is there. Ring 0 copies the reply before it looks at it, and checks all of it.
 */
#ifndef HV_ABI_MESSAGE_H
#define HV_ABI_MESSAGE_H

#include "hv/abi/limits.h"
#include "hv/base/bits.h"
#include "hv/base/types.h"

enum message_kind {
	MSG_NONE,
	MSG_START, /* vCPU 0 only: load the image; answer REPLY_START */
	MSG_IO,    /* a port access that ring 0 does not handle */
	/*
	 * an instruction that touches memory where the guest has none, INS or OUTS: carry it out;
	 * struct insn_message is in the page's data
	 */
	MSG_INSTRUCTION,
	MSG_MSR,    /* RDMSR, WRMSR of what ring 0 does not know; RDPMC n: of IA32_PMC0 + n */
	MSG_EOI,    /* vCPU-side EOI of a level-triggered vector, in `value` */
	MSG_SIGNAL, /* the alarm asked for; vCPU 0: console input too */
};

struct message {
	u32 kind;
	u32 vcpu;
	u64 address; /* MSG_IO: port; MSG_INSTRUCTION: gpa, or port; MSG_MSR: number */
	u32 size;    /* MSG_IO: 1, 2, 4 */
	u32 write;
	u64 value; /* of a write, zero-extended */
	u64 now;   /* host's TSC */
};

enum reply_action {
	REPLY_RESUME, /* go on behind the instruction; a read yields `value` */
	REPLY_START,  /* MSG_START only: enter with `start` */
	REPLY_STOP,   /* end this VM: `stop`, `value` say why */
	REPLY_RESET,  /* the guest asked for a reset: end the VM and start it again */
	REPLY_ACTIONS
};

/* How a VM ended; in events, telemetry and reports. */
enum vm_end {
	END_NONE,       /* runs */
	END_DEBUG_EXIT, /* isa-debug-exit written; value: the byte */
	END_POWER_OFF,
	END_RESET,
	END_IMAGE, /* the image could not be loaded; value: enum image_error of the monitor */
	END_TRIPLE_FAULT,
	END_UNKNOWN_EXIT,    /* an exit reason without a handler; value: reason */
	END_ENTRY_FAILED,    /* VM entry refused; value: exit reason or VM-instruction error */
	END_UNREACHABLE,     /* code, a page table, an exception's frame where nothing is; value:
	                        address */
	END_INSTRUCTION,     /* an instruction on MMIO that the decoder does not know; value: gpa */
	END_MONITOR_FAULT,   /* exception in the monitor; value: vector */
	END_MONITOR_TIMEOUT, /* the monitor held a message for too long */
	END_MONITOR_PROTOCOL, /* a reply out of turn or out of range */
	END_STOPPED,          /* by root */
	VM_ENDS
};

/* The state a first vCPU starts in. Flat segments; IF = 0; all else as after reset. */
enum start_mode {
	START_PROTECTED, /* 32-bit, paging off: Multiboot, PVH (CS 8, DS 0x10 as QEMU has) */
	START_LONG,      /* 64-bit, CR3 as given: Linux boot protocol (CS 0x10, DS 0x18) */
	START_LINUX_32,  /* 32-bit, paging off, GDT as given: the same protocol, same selectors */
	START_MODES
};

struct vcpu_start {
	u32 mode;
	u32 reserved;
	u64 rip, rsp, rax, rbx, rcx, rdx, rsi, rdi;
	u64 cr3;      /* START_LONG */
	u64 gdt_base; /* not START_PROTECTED: guest-physical; the GDT itself is the monitor's to
	                 write */
	u64 gdt_limit;
};

/*
 * In `stop` of a REPLY_RESUME: nothing is there. A read yields all ones, an MSR's access #GP. Ring
 * 0 counts it.
 */
#define REPLY_UNCLAIMED 1u

struct reply {
	u32 action;
	u32 stop; /* enum vm_end: one that a monitor may declare */
	u64 value;
	struct vcpu_start start;
};

/* A vCPU's activity at the moment it was looked at. */
enum vcpu_doing {
	DOING_GUEST,     /* executes */
	DOING_HALT,      /* HLT, until an interrupt */
	DOING_HALT_DEAF, /* HLT with IF = 0, until an NMI */
	DOING_SIPI,      /* waits for its start-up interrupt */
	DOING_MESSAGE,   /* an access of its own is at the monitor */
	DOING_KINDS
};

/* Everything about a vCPU at the moment it was stopped or looked at: root makes text of it. */
struct vcpu_dump {
	u64 gpr[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15: as instructions number them */
	u64 rip, rflags, cr0, cr2, cr3, cr4, efer;
	u64 segment[6][4]; /* es cs ss ds fs gs: selector, base, limit, access rights */
	u64 gdt_base, gdt_limit, idt_base, idt_limit;
	u64 exit_reason, qualification, gpa, gla, instruction_length, idt_vectoring, entry_info;
	u64 interruptibility, activity, instruction_error;
	u64 dr[4], dr7;
	u64 code_count;
	u8 code[16];                      /* bytes at rip; code_count of them could be read */
	u64 user_rip, user_rsp, user_cr2; /* where the monitor was, for END_MONITOR_* */
	u32 doing;                        /* enum vcpu_doing */
	u32 message;                      /* enum message_kind: of DOING_MESSAGE */
	u64 timer; /* TSC ticks until the APIC's timer is due; all ones: it is not set */
};

/* The outcome of the instruction of a MSG_INSTRUCTION. */
struct insn_result {
	u64 gpr[16], rflags; /* of rflags the status flags are taken */
	u64 cr2;             /* of #PF */
	u32 done;   /* 0: nothing was done, the guest executes it again or gets its fault */
	u32 length; /* RIP moves by it; 0 while a repeated instruction goes on */
	u32 fault;  /* vector of a fault at the instruction, 0: none */
	u32 error;
	u32 breakpoints; /* bits 3:0 as of DR6: data breakpoints, traps behind the instruction */
};

struct insn_message {
	struct vcpu_dump cpu;      /* from ring 0: the vCPU as the exit found it */
	struct insn_result result; /* from the monitor, with its reply */
};

/* Events of ring 0 for root, handed over by SYS_WAIT. */
enum root_event_kind {
	ROOT_EVENT_NONE,           /* the wait timed out */
	ROOT_EVENT_VM_END,         /* a vCPU ended its VM: stop, value, dump */
	ROOT_EVENT_VM_GONE,        /* the VM's memory is free again */
	ROOT_EVENT_OUTPUT,         /* some VM has console output (may be spurious) */
	ROOT_EVENT_SAMPLE,         /* SYS_VM_SAMPLE is carried out: dump */
	ROOT_EVENT_SYSCALL_DENIED, /* a program asked for more than its rights: value = number */
};

struct root_event {
	u32 kind;
	u32 vm, vcpu;
	u32 stop; /* enum vm_end */
	u64 value;
	u64 lost; /* events dropped before this one for want of room */
	struct vcpu_dump dump;
};

#endif
