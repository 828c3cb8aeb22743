/* SPDX-License-Identifier: MIT */
/* The microkernel's own start, on every core; hv/kernel/boot has made the machine ready. */
#include "hv/base/atomic.h"
#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/boot/boot.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/crash.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/sched/account.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/user/root.h"
#include "hv/kernel/run/run.h"

static u32 machine_ready; /* set by the first core: the others may start VMX */
static u32 cores_ready;   /* how many have */

/* The module whose first word is `name`. */
static bool find_program(const struct boot_info *info, const char *name, struct module *out)
{
	size_t len = strlen(name);

	for (u32 i = 0; i < info->module_count; i++) {
		const char *text = info->modules[i].text;

		if (strncmp(text, name, len) == 0 && (text[len] == '\0' || text[len] == ' '))
			return machine_module(i, out);
	}
	return false;
}

static void start_root(const struct boot_info *info)
{
	struct module program;
	s64 error;

	if (!find_program(info, "root", &program))
		panic("no module is called root: grub.cfg wants \"module2 /boot/root.elf root\"");
	error = root_create(&program);
	if (error != 0)
		panic("root.elf cannot be loaded: error %ld", error);
}

/* VMX and a run queue on this core; returns when all cores have come so far. */
static void start_core(void)
{
	machine_start_core();
	sched_init();
	atomic_add(&cores_ready, 1u);
	while (atomic_load(&cores_ready) != core_count())
		cpu_pause();
}

NORETURN void hv_core_main(void)
{
	while (atomic_load(&machine_ready) == 0)
		cpu_pause();
	start_core();
	account_closed(this_queue(), rdtsc(), STRETCH_WINDOW);
	run_on(NULL, AFTER_SWITCH);
}

/* Kept as a function: crash reports are tested at it. */
NORETURN NOINLINE void hv_main(const struct boot_info *info)
{
	machine_init(info);
	atomic_store(&machine_ready, 1u);
	start_core();
	start_root(info);
	account_closed(this_queue(), rdtsc(), STRETCH_WINDOW);
	run_on(NULL, AFTER_SWITCH);
}

/* Root, which reads the counters, tells of it. */
void interrupt_nmi(void)
{
	this_queue()->counters.nmis++;
}

void interrupt_in_kernel(u8 vector)
{
	sched_interrupted_in_kernel(this_queue(), vector);
}
