/* SPDX-License-Identifier: MIT */
#include "hv/kernel/boot/smp.h"

#include "hv/base/atomic.h"
#include "hv/base/memory.h"
#include "hv/base/panic.h"
#include "hv/base/printk.h"
#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/boot/boot.h"
#include "hv/kernel/boot/memory.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/idt.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/mmu.h"

/* Waiting times, in microseconds: after INIT, after a start-up, and for the core to report. */
#define WAIT_INIT    10000u
#define WAIT_STARTUP 1000u
#define WAIT_ONLINE  200000u
#define WAIT_STEP    20u

/* start.asm */
extern const u8 trampoline[], trampoline_end[], trampoline_gdtr[], trampoline_jump[];
extern const u8 trampoline_long[], boot_gdt[];

/* What a starting core reads: the tables, and its stack, which it takes by an exchange with 0. */
extern u64 smp_start_root, smp_start_stack;
NORETURN void smp_core_main(void);

static u32 released;     /* atomic */
static u32 stamp_wanted; /* atomic: 1 asked, 2 answered */
static u64 stamp;        /* the new core's TSC; valid when answered */

static void put32(u8 *at, u32 value)
{
	memcpy(at, &value, sizeof(value));
}

static void place_trampoline(hpa_t page)
{
	u8 *copy = hpa_to_ptr(page);

	memcpy(copy, trampoline, (size_t)(trampoline_end - trampoline));
	put32(copy + (trampoline_gdtr - trampoline) + 2, (u32)kernel_hpa(boot_gdt).raw);
	put32(copy + (trampoline_jump - trampoline),
	      (u32)page.raw + (u32)(trampoline_long - trampoline));
}

static bool wait_for(u32 *word, u32 value, u32 microseconds)
{
	for (u32 waited = 0; atomic_load(word) != value; waited += WAIT_STEP) {
		if (waited >= microseconds)
			return false;
		clock_wait_us(WAIT_STEP);
	}
	return true;
}

/* INIT, then a start-up, then another for a core that missed the first. */
static bool wake(struct core *core, hpa_t page)
{
	u8 page_number = (u8)(page.raw >> PAGE_SHIFT);

	atomic_store(&smp_start_stack, core->stack_top);
	lapic_send_init(core->apic_id);
	clock_wait_us(WAIT_INIT);
	lapic_send_startup(core->apic_id, page_number);
	if (!wait_for(&core->online, 1, WAIT_STARTUP))
		lapic_send_startup(core->apic_id, page_number);
	if (wait_for(&core->online, 1, WAIT_ONLINE))
		return true;
	if (atomic_swap(&smp_start_stack, 0ul) != 0)
		return false; /* should it come after all, it finds no stack, and halts */
	if (!wait_for(&core->online, 1, WAIT_ONLINE))
		panic("core with APIC ID %u started and got lost", core->apic_id);
	return true;
}

/* How far the new core's TSC lies outside the time between question and answer; 0: as it should. */
static u64 tsc_offset(void)
{
	u64 before = rdtsc();
	u64 after;

	atomic_store_fence(&stamp_wanted, 1u);
	while (atomic_load(&stamp_wanted) != 2)
		cpu_pause();
	after = rdtsc();
	if (stamp < before)
		return before - stamp;
	return stamp > after ? stamp - after : 0;
}

static bool start_core(u32 apic_id, hpa_t page)
{
	struct core *core = &cores[cores_running];
	u64 offset;

	if (core->stack_top == 0)
		core_create(core, cores_running, apic_id);
	core->apic_id = apic_id; /* the stacks may be those of a core that did not answer */
	if (!wake(core, page)) {
		printk("core with APIC ID %u does not answer: left out\n", apic_id);
		return false;
	}
	offset = tsc_offset();
	if (offset != 0)
		printk("core %u: its TSC is %lu ticks off\n", core->index, offset);
	cores_running++;
	return true;
}

void smp_start(const struct boot_info *info, const struct acpi_info *acpi)
{
	hpa_t page = memory_low_page(info);
	u32 parked = acpi->core_excess;

	if (page.raw == 0) {
		printk("no free page below 640 KiB: the other cores cannot be started\n");
		return;
	}
	smp_start_root = kernel_page_table().raw;
	place_trampoline(page);
	for (u32 i = 0; i < acpi->core_count; i++) {
		u32 apic_id = acpi->apic_ids[i];

		if (apic_id == cores[0].apic_id)
			continue;
		if (cores_running == MAX_CORES || (!lapic_is_x2apic() && apic_id >= 255))
			parked++;
		else
			start_core(apic_id, page);
	}
	if (parked != 0)
		printk("%u cores beyond the %u supported stay parked\n", parked, cores_running);
}

void smp_release(void)
{
	atomic_store_fence(&released, 1u);
}

/* A new core's first C, on its own stack. */
void smp_core_main(void)
{
	struct core *core = this_core();

	core_load_tables(core);
	idt_load();
	core_init_control();
	lapic_enable();
	atomic_store(&core->online, 1u);
	while (atomic_load(&stamp_wanted) != 1)
		cpu_pause();
	stamp = rdtsc();
	atomic_store(&stamp_wanted, 2u); /* pairs with tsc_offset's load: stamp first */
	while (atomic_load(&released) == 0)
		cpu_pause();
	hv_core_main();
}
