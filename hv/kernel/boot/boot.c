/* SPDX-License-Identifier: MIT */
/* From the boot loader to the microkernel, step by step; start.asm comes before, hv_main after. */
#include "hv/kernel/boot/boot.h"

#include "hv/base/frames.h"
#include "hv/base/image.h"
#include "hv/base/memory.h"
#include "hv/base/panic.h"
#include "hv/base/printk.h"
#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/boot/acpi.h"
#include "hv/kernel/boot/memory.h"
#include "hv/kernel/boot/multiboot2.h"
#include "hv/kernel/boot/silence.h"
#include "hv/kernel/boot/smp.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/cpu/idt.h"
#include "hv/kernel/cpu/lapic.h"
#include "hv/kernel/cpu/mmu.h"

#define BOOT_MAPS 0x100000000ull /* what the boot tables reach: ACPI must lie there */

static struct boot_info boot_info;
static struct acpi_info acpi_info;

NORETURN void boot_main(u32 magic, u32 mbi);

static const struct console_choice *choice; /* of a console */

static void boot_console(const char *cmdline)
{
	char value[16];

	if (boot_option(cmdline, "crash=", value, sizeof(value)))
		crash_set_poweroff(strcmp(value, "poweroff") == 0);
	choice = &console_choices[console_answers(PRINTK_COM1) ? 0 : 1];
	if (!boot_option(cmdline, "console=", value, sizeof(value)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(console_choices); i++)
		if (strcmp(value, console_choices[i].name) == 0)
			choice = &console_choices[i];
	if (strcmp(value, choice->name) != 0)
		printk("console=%s is unknown: %s it is\n", value, choice->name);
	console_select(choice->port);
}

/* The crash report will find the screen, whatever the console is. */
static void boot_screen(const struct screen *screen)
{
	if (screen->address != 0)
		console_screen(screen,
		               map_device(HPA(screen->address), screen_size(screen), PT_COMBINE));
	if (choice->screen)
		console_show();
}

static void boot_information(u32 magic, u32 mbi)
{
	const char *error;

	if (magic != MULTIBOOT2_LOADER_MAGIC)
		panic("not started by a Multiboot2 loader");
	error = multiboot2_parse(hpa_to_ptr(HPA(mbi)), &boot_info);
	if (error != NULL)
		panic("boot information: %s", error);
}

static void boot_acpi(void)
{
	const char *error = acpi_parse(boot_info.rsdp, boot_info.rsdp_size, BOOT_MAPS, &acpi_info);

	if (error != NULL)
		printk("%s: only this core is known\n", error);
}

static void boot_first_core(void)
{
	struct core *core = &cores[0];

	core_create(core, 0, 0);
	core_load_tables(core);
	core_init_control();
	lapic_init();
	lapic_enable();
	core->apic_id = lapic_id();
	core->online = 1;
}

static void boot_done(void *info)
{
	smp_release();
	hv_main(info);
}

void boot_main(u32 magic, u32 mbi)
{
	/* What a crash needs: an owner for the boot stack, a console, and gates. */
	*(struct core **)(void *)(boot_stack + STACK_SIZE - 8) = &cores[0];
	console_select(PRINTK_COM1);
	idt_init();
	idt_load();
	printk("Tapvisor\n");

	/* What the loader says: command line, modules, memory, ACPI. */
	boot_information(magic, mbi);
	boot_console(boot_info.cmdline);
	crash_set_symbols(&boot_info);

	/* Memory: first its frames, then our own page tables. ACPI in between, for it may lie where
	 * the boot tables lead and ours do not. */
	memory_init(&boot_info);
	boot_acpi();
	mmu_init(&boot_info);
	boot_screen(&boot_info.screen);
	printk("memory: %lu MiB free, %u modules\n", frames_free_count() >> 8,
	       boot_info.module_count);

	/* This core for good, and time. */
	silence_devices(&acpi_info);
	boot_first_core();
	clock_init(acpi_info.hw_reduced ? 0 : acpi_info.pm_timer_port);
	lapic_timer_calibrate();
	printk("clock: %lu kHz, %s%s\n", clock_get()->tsc_hz / 1000, clock_get()->source,
	       clock_get()->invariant ? "" : ", not invariant");

	/* The other cores. */
	smp_start(&boot_info, &acpi_info);
	printk("cores: %u, %s\n", core_count(), lapic_is_x2apic() ? "x2APIC" : "xAPIC");

	/* The microkernel, on a stack with a guard page. */
	stack_switch(cores[0].stack_top, boot_done, &boot_info);
}
