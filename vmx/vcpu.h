/* SPDX-License-Identifier: MIT */
/*
 * One virtual processor as VT-x sees it: its VMCS, the registers that the VMCS does not hold, and
 * the processor state that is switched when another vCPU gets the core.
 *
 * Owner: the core that the vCPU is pinned to; nobody else touches it once it runs.
 */
#ifndef VMX_VCPU_H
#define VMX_VCPU_H

#include "hv/base/bits.h"
#include "hv/base/types.h"
#include "vmx/walk.h"

struct vmx_caps;

/* Register numbers as instructions encode them; slot RSP of gpr[] is unused (VMCS_GUEST_RSP). */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* State that the guest changes without an exit and ring 0 does not use: vmx/state.c. */
struct vmx_guest_state {
	u64 msr[6]; /* STAR LSTAR CSTAR FMASK KERNEL_GS_BASE TSC_AUX */
	u64 dr[4];
	u64 dr6;
	u64 cr2;
	u64 xcr0;
	void *xsave; /* XSAVE area, 64-byte aligned, whole pages */
};

/* How to empty the TLB of a vCPU: caps->invvpid_type. */
struct vpid_flush {
	u16 vpid;
	u8 type;
};

/* struct vmx_vcpu.pending */
#define PENDING_INTERRUPT  BIT32(0) /* the APIC may have something to deliver */
#define PENDING_NMI        BIT32(1)
#define PENDING_EXCEPTION  BIT32(2) /* in `exception` */
#define PENDING_REVECTORED BIT32(3) /* in `revectored` */
#define PENDING_VIRTUAL    BIT32(4) /* the APIC may have something to hand to the processor */
#define PENDING_RETIRE     BIT32(5) /* an instruction that exited is over: vmx_retire */
#define PENDING_EVENTS     0xffffu  /* all of the above; the upper half is the caller's */

struct vmx_vcpu {
	u64 gpr[16] ALIGNED(16); /* vmx/switch.asm: offset 0 */
	u64 stack_top;           /* of the core: where vmx_on_exit starts */
	u32 launched;            /* VMRESUME from now on */
	u32 pin_controls;        /* copies of the VMCS's words, so that toggling reads nothing */
	u32 cpu_controls;
	u32 revectored; /* an event whose delivery an exit cut short: to inject again */
	u32 revectored_error;
	u32 revectored_length;
	u32 exception; /* a fault to inject at the next entry; entry-interruption format */
	u32 exception_error;
	u32 pending;           /* PENDING_*: what the next entry must look at; 0 on the fast path */
	u32 pending_interrupt; /* PENDING_INTERRUPT and more; PENDING_VIRTUAL: the processor
	                          delivers */
	u32 pending_halt;      /* HLT sets it: PENDING_VIRTUAL, as the processor may hold one */
	u32 apic;              /* enum vmx_apic */
	u32 tpr_threshold;     /* copy of the VMCS's word; vmx/apicv.h */
	bool timer_goes_on;    /* the preemption timer keeps its count over exits */
	struct vpid_flush flush_vpid;
	hpa_t vmcs;
	const struct vmx_caps *caps;
	struct guest_memory memory; /* of the VM: one run from gpa 0 */
	struct vmx_guest_state state;
};

static_assert(offsetof(struct vmx_vcpu, gpr) == 0, "vmx/switch.asm: push and pop");
static_assert(offsetof(struct vmx_vcpu, stack_top) == 128, "vmx/switch.asm: VCPU_STACK_TOP");
static_assert(offsetof(struct vmx_vcpu, launched) == 136, "vmx/switch.asm: VCPU_LAUNCHED");

/* Enters the guest. The VMCS is current, the stack is given up. */
NORETURN void vmx_enter(struct vmx_vcpu *vcpu);

/* Where exits arrive (HOST_RIP); not to be called. */
void vmx_exit(void);

/* ---- Supplied by the layer above; each starts on the core's empty stack, interrupts off. ---- */

/* The layer above's virtual CPU, which begins with a struct vmx_vcpu. */
struct vcpu;

/* What follows an exit that the fast path has not handled: returned by its handler. */
enum after {
	AFTER_RESUME, /* handled whole, without leaving RUN_GUEST: back into the guest */
	AFTER_ENTER,  /* into the guest from anywhere else: publish, look at the mailbox */
	AFTER_THREAD, /* to the ring-3 thread, which has a message */
	AFTER_RUN,    /* look at all that there may be to do: requests, time, ring 3, the guest */
	AFTER_SWITCH, /* the core is free: another's turn */
};

/* The slow path of an exit, on the core's empty stack. */
typedef enum after (*exit_handler)(struct vcpu *vcpu);

/*
 * A VM exit, the fast path. Of the guest's registers RAX, RBX, RCX, RDX, RSI, RDI and R8 to R11 are
 * in gpr[]; the others are in the processor, and handed back by returning. NULL: the exit is
 * handled, and the guest goes on at once. Else the handler to call with all registers in gpr[].
 */
exit_handler vmx_on_exit(struct vmx_vcpu *vcpu);

/* Does what a handler has returned. */
NORETURN void vmx_after_exit(struct vmx_vcpu *vcpu, enum after after);

/*
 * VMLAUNCH or VMRESUME failed before the guest ran. invalid: no current VMCS; otherwise
 * VMCS_INSTRUCTION_ERROR tells. As a handler.
 */
enum after vmx_on_entry_failed(struct vmx_vcpu *vcpu, bool invalid);

/* A VMX instruction on a field failed: a mistake of the hypervisor's own. */
NORETURN void vmx_on_access_failed(u64 field, const void *caller);

#endif
