/* SPDX-License-Identifier: MIT */
/*
 * System calls: `int 0x80`, number in RAX, arguments in RDI RSI RDX, result in RAX; all other
 * registers are kept. `int` rather than SYSCALL: the guest's STAR, LSTAR and FMASK can so stay
 * in the processor while ring 3 works for it, and the IPI paths pay nothing for the split.
 *
 * Results below zero are errors. No call takes a pointer: structures pass through the thread page.
 */
#ifndef HV_ABI_SYSCALL_H
#define HV_ABI_SYSCALL_H

#define SYSCALL_VECTOR 0x80

enum syscall_number {
	/* Monitor: answer the message at hand (if any), wait for the next one. */
	SYS_REPLY_WAIT,
	/*
	 * Monitor: (address, data): an interrupt message to one's own VM, as a device writes it.
	 * Result: number of vCPUs that accepted.
	 */
	SYS_MSI,
	/* Monitor: tell root that there is output. */
	SYS_OUTPUT,
	/* Monitor: (ticks): MSG_SIGNAL to this thread, not before that time; 0 cancels. */
	SYS_ALARM,
	/* Monitor: a counter of this thread's vCPU overflowed; its LVT entry fires. */
	SYS_PMI,
	/*
	 * Monitor: (gpa, size), (gpa, value, size): a load or store of 1 to 8 bytes by this
	 * thread's vCPU in its APIC's page. Result: what was read; 0, or the vector whose EOI it
	 * was, as MSG_EOI tells it otherwise. SYS_ENOENT: it is not there.
	 */
	SYS_APIC_READ,
	SYS_APIC_WRITE,
	/*
	 * Monitor: (linear address, value, size): stores 1 to 8 bytes of one page as this thread's
	 * vCPU would. SYS_ENOENT: it must not, or there is no RAM.
	 */
	SYS_STORE,
	/* Monitor: (ticks): let others run; come back after that time at the earliest. */
	SYS_SLEEP,
	/* Root: (ticks, 0 = for ever): next struct root_event into `data`; 1, or 0 on time-out. */
	SYS_WAIT,
	/*
	 * Root: make a VM of the struct vm_config in `data`. Result: its id. It does not run yet.
	 */
	SYS_VM_CREATE,
	/* Root: (vm): let it start. */
	SYS_VM_START,
	/* Root: (vm): ROOT_EVENT_VM_END follows, or has come already. */
	SYS_VM_STOP,
	/* Root: (vm): free one that does not run; ROOT_EVENT_VM_GONE follows. */
	SYS_VM_DESTROY,
	/* Root: (vm, 1 or 0): pause, resume. */
	SYS_VM_PAUSE,
	/* Root: (vm): MSG_SIGNAL to its monitor: there is console input. */
	SYS_VM_SIGNAL,
	/* Root: (vm, vCPU): ROOT_EVENT_SAMPLE follows if it runs, however it goes on. */
	SYS_VM_SAMPLE,
	/* Root: (value: enum machine_query, argument). */
	SYS_QUERY,
	/* Root: (enum power_action): does not return when it works. */
	SYS_POWER,
	/* All: (code): end the program: a VM's monitor ends its VM. */
	SYS_EXIT,
	SYSCALLS
};

enum machine_query {
	QUERY_FREE_FRAMES, /* free 4 KiB frames */
	QUERY_NOW,         /* TSC */
	QUERY_VM_STATE,    /* argument: vm; enum vm_state */
	QUERIES
};

/* VM_HALTED: it runs, but each of its vCPUs halted with interrupts off, or waits for its start. */
enum vm_state { VM_NONE, VM_CREATED, VM_RUNNING, VM_PAUSED, VM_ENDED, VM_HALTED, VM_STATES };

enum power_action { POWER_OFF, POWER_REBOOT, POWER_ACTIONS };

/* Errors of system calls. */
#define SYS_EPERM   (-1) /* not in this program's rights; counted */
#define SYS_ENOSYS  (-2) /* no such call */
#define SYS_EINVAL  (-3) /* an argument out of range */
#define SYS_ENOMEM  (-4)
#define SYS_EBUSY   (-5) /* in this state not possible */
#define SYS_ENOENT  (-6) /* no such VM or module */
#define SYS_EMODULE (-7) /* the monitor's ELF is not acceptable */
#define SYS_ENOTSUP (-8) /* the machine lacks a feature that the VM asks for */

/*
 * Never a result: a call that takes long does a piece of its work and has the program execute its
 * INT again, so that interrupts come in between and others run.
 */
#define SYS_AGAIN (-64)

#endif
