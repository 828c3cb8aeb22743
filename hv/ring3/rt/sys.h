/* SPDX-License-Identifier: MIT */
/*
 * System calls as functions (numbers, rights and errors: hv/abi/syscall.h).
 *
 * They go through a struct sys, so that everything above runs on the host too, against a kernel
 * made of a few lines. One struct sys for each thread: `page` is that thread's own page.
 */
#ifndef HV_RT_SYS_H
#define HV_RT_SYS_H

#include "hv/abi/process.h"
#include "hv/abi/syscall.h"

static_assert(SYS_EXIT == 16, "start.asm");

struct sys {
	s64 (*call)(u64 number, u64 a, u64 b, u64 c);
	u64 (*now)(void); /* the host's TSC */
	struct thread_page *page;
};

/* The real ones: hv/ring3/rt/start.asm and the address space as hv/abi/process.h lays it out. */
s64 sys_call(u64 number, u64 a, u64 b, u64 c);
u64 tsc_read(void);

static inline struct thread_page *sys_thread_page(u64 index)
{
	return (struct thread_page *)(USER_THREADS + index * USER_THREAD_STRIDE);
}

/* The program's: thread `index` begins here; the result ends the program. */
u64 rt_main(u64 index);

static inline s64 sys_reply_wait(const struct sys *s)
{
	return s->call(SYS_REPLY_WAIT, 0, 0, 0);
}

/* Result: vCPUs that accepted. */
static inline s64 sys_msi(const struct sys *s, u64 address, u32 data)
{
	return s->call(SYS_MSI, address, data, 0);
}

static inline void sys_output(const struct sys *s)
{
	(void)s->call(SYS_OUTPUT, 0, 0, 0);
}

static inline void sys_alarm(const struct sys *s, u64 ticks)
{
	(void)s->call(SYS_ALARM, ticks, 0, 0);
}

static inline void sys_pmi(const struct sys *s)
{
	(void)s->call(SYS_PMI, 0, 0, 0);
}

static inline void sys_sleep(const struct sys *s, u64 ticks)
{
	(void)s->call(SYS_SLEEP, ticks, 0, 0);
}

/* The next event is then in root_event(s). False: ticks went by, or the call failed. */
static inline bool sys_wait(const struct sys *s, u64 ticks)
{
	return s->call(SYS_WAIT, ticks, 0, 0) == 1;
}

static inline const struct root_event *sys_event(const struct sys *s)
{
	return (const struct root_event *)(const void *)s->page->data;
}

/* Takes its argument from sys_config(s). Result: the VM's id, or an error. */
static inline s64 sys_vm_create(const struct sys *s)
{
	return s->call(SYS_VM_CREATE, 0, 0, 0);
}

static inline struct vm_config *sys_config(const struct sys *s)
{
	return (struct vm_config *)(void *)s->page->data;
}

MUST_USE static inline s64 sys_vm_start(const struct sys *s, u32 vm)
{
	return s->call(SYS_VM_START, vm, 0, 0);
}

MUST_USE static inline s64 sys_vm_stop(const struct sys *s, u32 vm)
{
	return s->call(SYS_VM_STOP, vm, 0, 0);
}

MUST_USE static inline s64 sys_vm_destroy(const struct sys *s, u32 vm)
{
	return s->call(SYS_VM_DESTROY, vm, 0, 0);
}

MUST_USE static inline s64 sys_vm_pause(const struct sys *s, u32 vm, bool pause)
{
	return s->call(SYS_VM_PAUSE, vm, pause, 0);
}

MUST_USE static inline s64 sys_vm_sample(const struct sys *s, u32 vm, u32 vcpu)
{
	return s->call(SYS_VM_SAMPLE, vm, vcpu, 0);
}

/* A VM that has ended meanwhile does not mind. */
static inline void sys_vm_signal(const struct sys *s, u32 vm)
{
	(void)s->call(SYS_VM_SIGNAL, vm, 0, 0);
}

static inline u64 sys_query(const struct sys *s, enum machine_query what, u64 argument)
{
	return (u64)s->call(SYS_QUERY, what, argument, 0);
}

static inline void sys_power(const struct sys *s, enum power_action action)
{
	(void)s->call(SYS_POWER, action, 0, 0);
}

#endif
