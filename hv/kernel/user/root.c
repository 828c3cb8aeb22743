/* SPDX-License-Identifier: MIT */
#include "hv/kernel/user/root.h"

#include "hv/abi/process.h"
#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/kernel/cpu/clock.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/vm.h"

/* Copies a string of any length into a field, cut and terminated. */
static void copy_text(char *to, const char *from, size_t size)
{
	size_t i = 0;

	for (; i + 1 < size && from[i] != '\0'; i++)
		to[i] = from[i];
	to[i] = '\0';
}

void root_fill_info(struct process_info *info, const struct vm *vm)
{
	info->vm = vm->id;
	info->hz_known = clock_get()->invariant;
	info->tsc_hz = clock_get()->tsc_hz;
	info->physical_mask = vm->physical_mask;
	info->config = vm->config;
}

static u64 memory_total(const struct boot_info *boot)
{
	u64 bytes = 0;

	for (u32 i = 0; i < boot->region_count; i++)
		if (boot->regions[i].type == BOOT_REGION_RAM)
			bytes += boot->regions[i].end.raw - boot->regions[i].start.raw;
	return bytes;
}

static void fill_root_info(struct root_info *info, const struct vm *host)
{
	const struct boot_info *boot = machine()->boot;

	root_fill_info(&info->process, host);
	info->cores = core_count();
	info->modules = boot->module_count;
	info->memory_total = memory_total(boot);
	info->memory_free = frames_free_count() * PAGE_SIZE;
	info->machine = machine()->features;
	info->screen = boot->screen;
	copy_text(info->command_line, boot->cmdline, sizeof(info->command_line));
	for (u32 i = 0; i < boot->module_count; i++) {
		const struct boot_module *m = &boot->modules[i];

		info->module[i].size = m->end.raw - m->start.raw;
		copy_text(info->module[i].string, m->text, sizeof(info->module[i].string));
	}
}

static u64 console_at(const struct vm *vm)
{
	return USER_CONSOLE + vm->id * CONSOLE_STRIDE;
}

static u64 counters_at(const struct vm *vm)
{
	return USER_COUNTERS + vm->id * VM_COUNTERS_STRIDE;
}

bool root_map_host(struct vm *host)
{
	u64 size = align_up(sizeof(struct root_info), PAGE_SIZE);
	struct root_info *info = vm_alloc(host, size >> PAGE_SHIFT, 1);

	if (info == NULL || !process_map(host, USER_INFO, ptr_to_hpa(info), size, 0))
		return false;
	fill_root_info(info, host);
	if (info->screen.address != 0 &&
	    !process_map(host, USER_SCREEN, HPA(info->screen.address),
	                 align_up(screen_size(&info->screen), PAGE_SIZE), PT_WRITE | PT_COMBINE))
		return false;
	for (u32 i = 0; i < core_count(); i++)
		if (!process_map(host, USER_CORES + i * PAGE_SIZE, kernel_hpa(run_queues[i].page),
		                 PAGE_SIZE, 0))
			return false;
	return process_map_counters(host, counters_at(host), host->vcpu[0]);
}

bool root_map_console(struct vm *vm)
{
	return process_map(vm_get(HOST_VM), console_at(vm), vm->console, sizeof(struct vm_console),
	                   PT_WRITE);
}

bool root_map_counters(const struct vcpu *vcpu)
{
	return process_map_counters(vm_get(HOST_VM), counters_at(vcpu->vm), vcpu);
}

static void unmap(u64 va, u64 len)
{
	/* Small pages: a part of a larger mapping is never asked for, so this cannot fail. */
	(void)!pt_unmap(vm_get(HOST_VM)->root, va, len);
	pt_flush(va, len);
}

void root_unmap_console(const struct vm *vm)
{
	unmap(console_at(vm), align_up(sizeof(struct vm_console), PAGE_SIZE));
}

void root_unmap_counters(const struct vm *vm, u64 vcpu)
{
	unmap(counters_at(vm) + vcpu * COUNTERS_STRIDE, COUNTERS_STRIDE);
}
