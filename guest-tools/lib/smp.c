/* SPDX-License-Identifier: MIT */
#include "guest-tools/lib/smp.h"
#include "guest-tools/lib/acpi.h"
#include "guest-tools/lib/apic.h"
#include "guest-tools/lib/args.h"
#include "guest-tools/lib/boot.h"
#include "guest-tools/lib/cpu.h"
#include "guest-tools/lib/fwcfg.h"
#include "guest-tools/lib/interrupt.h"
#include "guest-tools/lib/string.h"
#include "hv/base/bits.h"

/*
 * Times in TSC ticks, without asking for its frequency. Processors of this century need no pause
 * between INIT and SIPI; a start in an emulator that runs its CPUs in turn needs patience.
 */
#define INIT_TICKS  20000ull
#define SIPI_TICKS  20000ull
#define START_TICKS 20000000000ull
#define QUIET_TICKS 20000000ull

struct cpu cpus[MAX_CPUS];
u8 cpu_stacks[MAX_CPUS][KIT_STACK_SIZE] ALIGNED(4096);
u32 cpu_ids[MAX_CPUS];
u32 cpu_ids_count = 1;
bool smp_idle_halts;
static u32 smp_spinners = MAX_CPUS;

extern const u8 trampoline_start[], trampoline_end[];
void ap_main(u32 index) NORETURN;

void cpu_setup(u32 index)
{
	struct cpu *cpu = &cpus[index];

	cpu->self = cpu;
	cpu->index = index;
	cpu->trap_rsp = 0;
	wrmsr(MSR_GS_BASE, (u64)cpu);
	interrupt_cpu_setup(cpu);
	if (index == 0)
		cpu->online = true;
}

u32 cpu_count(void)
{
	u32 n = 0;

	for (u32 i = 0; i < MAX_CPUS; i++)
		n += atomic_load(&cpus[i].online);
	return n;
}

static bool idle_halts(u32 index)
{
	return smp_idle_halts || index >= atomic_load(&smp_spinners);
}

static void wake(u32 index)
{
	apic_current()->send(cpus[index].apic_id, ICR_FIXED | VECTOR_WAKE);
}

void smp_idle(u32 spinners)
{
	atomic_store_fence(&smp_spinners, spinners);
	for (u32 i = 1; i < MAX_CPUS; i++)
		if (cpus[i].online)
			wake(i);
}

static void wait_for_job(struct cpu *cpu)
{
	while (atomic_load(&cpu->job) == NULL) {
		if (!idle_halts(cpu->index)) {
			cpu_relax();
			continue;
		}
		interrupts_off();
		if (atomic_load(&cpu->job) == NULL)
			interrupts_on_and_halt();
		interrupts_on();
	}
}

void ap_main(u32 index)
{
	struct cpu *cpu = &cpus[index];

	cpu_setup(index);
	cpu->apic_base = rdmsr(MSR_APIC_BASE);
	apic_cpu_setup();
	cpu->starts++;
	cpu->job = NULL;
	atomic_store_fence(&cpu->online, true);
	interrupts_on();
	for (;;) {
		wait_for_job(cpu);
		cpu->job(cpu->job_arg);
		atomic_store(&cpu->job, NULL);
	}
}

void smp_post(u32 index, job_fn fn, void *arg)
{
	struct cpu *cpu = &cpus[index];

	cpu->job_arg = arg;
	atomic_store_fence(&cpu->job, fn);
	if (idle_halts(index))
		wake(index);
}

void smp_wait(u32 index)
{
	while (atomic_load(&cpus[index].job) != NULL)
		cpu_relax();
}

void smp_run_all(job_fn fn, void *arg)
{
	for (u32 i = 1; i < MAX_CPUS; i++)
		if (cpus[i].online)
			smp_post(i, fn, arg);
	fn(arg);
	for (u32 i = 1; i < MAX_CPUS; i++)
		if (cpus[i].online)
			smp_wait(i);
}

/*
 * The machine's list of APIC IDs. 0: it tells none, and what checks in by itself is what there is.
 * The BIOS area is scanned last, for under a hypervisor each access there may be an exit.
 */
static u32 machine_cpu_ids(u32 *ids)
{
	u32 count = (u32)args_number("cpus", 0);
	u64 rsdp = boot_info.rsdp;

	if (count == 0 && rsdp != 0)
		return acpi_cpu_ids(rsdp, ids, MAX_CPUS);
	if (count == 0 && fwcfg_present())
		count = (u32)fwcfg_read(FWCFG_NB_CPUS, 2);
	if (count == 0) {
		rsdp = acpi_scan_rsdp();
		return rsdp == 0 ? 0 : acpi_cpu_ids(rsdp, ids, MAX_CPUS);
	}
	count = MIN(count, (u32)MAX_CPUS);
	for (u32 i = 0; i < count; i++)
		ids[i] = i;
	return count;
}

/* Puts the boot CPU's ID first; the others keep their order. */
static void own_id_first(u32 own)
{
	u32 at = 0;

	while (at < cpu_ids_count && cpu_ids[at] != own)
		at++;
	if (at == cpu_ids_count)
		cpu_ids_count = MIN(cpu_ids_count + 1, (u32)MAX_CPUS);
	for (at = MIN(at, (u32)MAX_CPUS - 1); at > 0; at--)
		cpu_ids[at] = cpu_ids[at - 1];
	cpu_ids[0] = own;
}

void smp_prepare(void)
{
	memcpy((void *)TRAMPOLINE, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	for (u32 i = 1; i < MAX_CPUS; i++)
		atomic_store(&cpus[i].online, false);
}

static void send_init_sipi(u32 destination, u32 shorthand)
{
	const u32 sipi = ICR_STARTUP | ICR_ASSERT | TRAMPOLINE >> 12 | shorthand;

	apic_send(destination, ICR_INIT | ICR_ASSERT | shorthand);
	delay_ticks(INIT_TICKS);
	apic_send(destination, sipi);
	delay_ticks(SIPI_TICKS);
	apic_send(destination, sipi);
}

void smp_init_sipi(u32 apic_id)
{
	send_init_sipi(apic_id, 0);
}

void smp_init_sipi_broadcast(void)
{
	send_init_sipi(0, ICR_ALL_BUT_ME);
}

bool smp_wait_online(u32 n, u64 ticks)
{
	u64 start = rdtsc();

	while (cpu_count() < n) {
		if (rdtsc() - start > ticks)
			return false;
		cpu_relax();
	}
	return true;
}

/* For want of a list: IDs are taken to be 0, 1, ...; ends when nobody new has come for a while. */
static void start_unlisted(void)
{
	for (cpu_ids_count = 0; cpu_ids_count < MAX_CPUS; cpu_ids_count++)
		cpu_ids[cpu_ids_count] = cpu_ids_count;
	own_id_first(cpus[0].apic_id);
	smp_prepare();
	smp_init_sipi_broadcast();
	while (smp_wait_online(cpu_count() + 1, QUIET_TICKS))
		;
	cpu_ids_count = cpu_count();
}

void smp_start_all(void)
{
	cpu_ids_count = machine_cpu_ids(cpu_ids);
	if (cpu_ids_count == 0) {
		start_unlisted();
		return;
	}
	own_id_first(cpus[0].apic_id);
	smp_prepare();
	for (u32 i = 1; i < cpu_ids_count; i++)
		smp_init_sipi(cpu_ids[i]);
	if (!smp_wait_online(cpu_ids_count, START_TICKS))
		cpu_ids_count = cpu_count();
}

void barrier_wait(struct barrier *barrier, u32 n)
{
	u32 generation = atomic_load(&barrier->generation);

	if (atomic_add(&barrier->arrived, 1u) + 1 == n) {
		barrier->arrived = 0;
		atomic_store_fence(&barrier->generation, generation + 1);
		return;
	}
	while (atomic_load(&barrier->generation) == generation)
		cpu_relax();
}
