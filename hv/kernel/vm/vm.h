/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine: its vCPUs, its memory, its APIC bus, its monitor process.
 *
 * All memory of a VM comes from its arena and goes back in one sweep; page tables (EPT, process)
 * free themselves. Made and destroyed by root's system calls, on root's core, under no lock: root
 * has one thread. Fields are constant while the VM runs, but for those whose comment says so.
 */
#ifndef HV_VM_VM_H
#define HV_VM_VM_H

#include "hv/abi/process.h"
#include "hv/abi/syscall.h"
#include "hv/base/frames.h"
#include "hv/base/types.h"
#include "hv/kernel/vm/process.h"
#include "hv/kernel/vcpu/vcpu.h"
#include "hv/kernel/vm/arena.h"
#include "vmx/apicv.h"
#include "vmx/cpuid.h"
#include "vmx/ept.h"

/* How far the making or unmaking of a VM has come (vm_build.c). */
struct vm_progress {
	u32 stage;
	u64 piece;
	struct frames_take memory;
};

struct vm {
	u32 id;
	u32 state;   /* enum vm_state; atomic */
	u32 live;    /* vCPUs that have not left their core; atomic */
	u32 paused;  /* atomic */
	u32 leveled; /* VM_POSTED, atomic: a device sends levels; 1: all being told, 2: all told */
	u32 ended;   /* enum vm_end: the first vCPU to end it sets it; atomic */
	u64 wall_clock_msr; /* as written by any vCPU; atomic */
	struct vm_config config;
	struct vcpu *vcpu[MAX_VCPUS];
	struct vapic_vm bus;
	struct ept ept, ept_apic; /* the latter with VM_APICV: the APIC-access page is mapped */
	struct cpuid_table cpuid;
	struct guest_memory memory;
	hpa_t memory_at;   /* host-physical start of it */
	u64 physical_mask; /* guest-physical addresses: BITS(MAXPHYADDR - 1, 0) */
	hpa_t msr_bitmap;
	hpa_t apic_page;        /* VM_APIC_PAGE, VM_APICV: what EPT maps at the APIC's address */
	struct vmx_apicv apicv; /* VM_APICV */
	struct process process; /* the monitor, and all memory of the VM */
	hpa_t console;          /* shared with the process */
	struct vm_progress progress;
	struct root_event end; /* what to tell root when `live` has reached 0 */
};

extern struct vm vms[MAX_VMS]; /* 0, ROOT_VM, is root's number, and no VM's */

/* VM `id`, or NULL. */
struct vm *vm_get(u64 id);

/*
 * ROOT_EVENT_VM_END follows. The end may be under way already, and what has ended stays as it is
 * until root destroys it, for root may not have heard of the end yet.
 */
MUST_USE s64 vm_stop(struct vm *vm);
MUST_USE s64 vm_pause(struct vm *vm, bool paused);

/* REQUEST_SIGNAL: MSG_SIGNAL to its monitor. REQUEST_SAMPLE: ROOT_EVENT_SAMPLE follows. */
MUST_USE s64 vm_order(struct vm *vm, u64 vcpu, u32 request);

/*
 * Whether each vCPU halted with interrupts off or was never started: only an NMI, an INIT or a kick
 * gets it going again, and none of its vCPUs will send one. A glance: they may be changing.
 */
MUST_USE bool vm_is_halted(const struct vm *vm);

/* The one place where a VM is made to end. Any core, on behalf of this vCPU, which ends with it. */
void vm_end(struct vcpu *vcpu, enum vm_end why, u64 value);

/* A vCPU has left its core for good. The last one tells root. */
void vm_vcpu_left(struct vcpu *vcpu);

/* Without root nobody is told and nobody makes VMs: prints the last words of one that has ended,
 * and panics if none is left. */
void vm_last_words(u32 id, const char *name, u32 why, u64 value);

static ALWAYS_INLINE u64 vm_frames_for(u64 bytes)
{
	return (bytes + PAGE_MASK) >> PAGE_SHIFT;
}

/* Zeroed frames that live as long as the VM; NULL: none left. */
static inline void *vm_alloc(struct vm *vm, u64 frames, u64 align_frames)
{
	return arena_alloc(&vm->process.arena, frames, align_frames);
}

#endif
