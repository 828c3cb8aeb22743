/* SPDX-License-Identifier: MIT */
/*
 * The processors of the machine and work for them.
 *
 * CPU 0 is the one that boots and runs guest_main; it alone calls what is declared here unless said
 * otherwise. The others wait for jobs: spinning, or halted when smp_idle_halts is set.
 */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include "hv/base/types.h"
#include "hv/base/atomic.h"

#define MAX_CPUS       64
#define KIT_STACK_SIZE 8192   /* start.asm and trampoline.asm hold the same number */
#define TRAMPOLINE     0x8000 /* physical; its page number is the start-up IPI's vector */

/* SDM 3A 8.7. */
struct PACKED tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 io_map;
};

typedef void (*job_fn)(void *arg);

/* GS points here on its own CPU. interrupt.asm knows the first four members. */
struct cpu {
	struct cpu *self;
	u64 trap_rsp; /* stack of the innermost trap_call, 0 = none */
	u64 user_rsp; /* stack of the innermost user_call */
	u64 reserved;
	u32 index;
	struct tss tss ALIGNED(4);

	u32 apic_id;
	bool online;   /* set by its own CPU, last step of its start */
	u32 starts;    /* how often it came up: CPU itself writes */
	u64 apic_base; /* its APIC base MSR as found at its last start */
	job_fn job;    /* posted by CPU 0, cleared by its own CPU when done */
	void *job_arg;
	u64 unexpected; /* interrupts without a handler */
	u32 unexpected_vector;
} ALIGNED(256);

extern struct cpu cpus[MAX_CPUS];

/* The machine as the kit knows it: IDs in CPU order, the boot CPU first. */
extern u32 cpu_ids[MAX_CPUS];
extern u32 cpu_ids_count;

/* APs sleep by HLT while they wait for jobs (a job is then announced by an IPI), else they spin. */
extern bool smp_idle_halts;

static ALWAYS_INLINE struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* From now on the first `spinners` CPUs spin while they wait for jobs, the others halt. */
void smp_idle(u32 spinners);

/* Makes cpus[index] the CPU that this runs on: GS, GDT, IDT, TSS. Every CPU, once per start. */
void cpu_setup(u32 index);

/* How many CPUs are up. */
u32 cpu_count(void);

/* Prepares trampoline and IDs, starts every AP that the machine says it has; waits for them. */
void smp_start_all(void);

/*
 * Copies the trampoline and marks all APs as not online. Then any of the three ways below starts.
 */
void smp_prepare(void);

/* INIT, SIPI, SIPI to one APIC ID; to all but self by shorthand. They do not wait. */
void smp_init_sipi(u32 apic_id);
void smp_init_sipi_broadcast(void);

/*
 * Waits until n CPUs (this one included) are online, or for that many TSC ticks: true = they are.
 */
bool smp_wait_online(u32 n, u64 ticks);

/* Runs fn on a CPU other than this one; smp_wait returns when it is done. */
void smp_post(u32 index, job_fn fn, void *arg);
void smp_wait(u32 index);

/* Runs fn on every CPU, this one included, and waits for all. */
void smp_run_all(job_fn fn, void *arg);

/* A barrier for n CPUs, to be zeroed before use; any CPU. */
struct barrier {
	u32 arrived;
	u32 generation;
};

void barrier_wait(struct barrier *barrier, u32 n);

#endif
