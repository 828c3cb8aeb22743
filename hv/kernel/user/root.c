/* SPDX-License-Identifier: MIT */
#include "hv/kernel/user/root.h"

#include "hv/abi/process.h"
#include "hv/abi/syscall.h"
#include "hv/base/atomic.h"
#include "hv/base/bits.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/kernel/cpu/mmu.h"
#include "hv/kernel/vm/machine.h"
#include "hv/kernel/sched/sched.h"
#include "hv/kernel/vm/events.h"
#include "hv/kernel/user/thread.h"
#include "hv/kernel/vm/vm.h"

struct task root_task;

static struct process process = { .ports = true };
static u32 attend;
static const u32 no_mail;

/* Set when root has ended. */
static enum vm_end ended;
static u64 end_value;

/* ---- what root sees ---- */

/* Copies a string of any length into a field, cut and terminated. */
static void copy_text(char *to, const char *from, size_t size)
{
	size_t i = 0;

	for (; i + 1 < size && from[i] != '\0'; i++)
		to[i] = from[i];
	to[i] = '\0';
}

static u64 memory_total(const struct boot_info *boot)
{
	u64 bytes = 0;

	for (u32 i = 0; i < boot->region_count; i++)
		if (boot->regions[i].type == BOOT_REGION_RAM)
			bytes += boot->regions[i].end.raw - boot->regions[i].start.raw;
	return bytes;
}

static void fill_info(struct root_info *info)
{
	const struct boot_info *boot = machine()->boot;
	const struct vm_config config = { .name = "root", .vcpus = 1, .cores = 1 };

	process_fill_info(&info->process, ROOT_VM, &config);
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

static u64 console_at(u32 vm)
{
	return USER_CONSOLE + vm * CONSOLE_STRIDE;
}

static u64 counters_at(u32 vm, u64 vcpu)
{
	return USER_COUNTERS + vm * VM_COUNTERS_STRIDE + vcpu * COUNTERS_STRIDE;
}

/* Its own pages. */
static bool map_machine(void)
{
	u64 size = align_up(sizeof(struct root_info), PAGE_SIZE);
	struct root_info *info = arena_alloc(&process.arena, size >> PAGE_SHIFT, 1);

	if (info == NULL || !process_map(&process, USER_INFO, ptr_to_hpa(info), size, 0))
		return false;
	fill_info(info);
	if (info->screen.address != 0 &&
	    !process_map(&process, USER_SCREEN, HPA(info->screen.address),
	                 align_up(screen_size(&info->screen), PAGE_SIZE), PT_WRITE | PT_COMBINE))
		return false;
	for (u32 i = 0; i < core_count(); i++)
		if (!process_map(&process, USER_CORES + i * PAGE_SIZE,
		                 kernel_hpa(run_queues[i].page), PAGE_SIZE, 0))
			return false;
	return process_map_counters(&process, counters_at(ROOT_VM, 0), root_task.counters);
}

bool root_map_console(const struct vm *vm)
{
	return process_map(&process, console_at(vm->id), vm->console, sizeof(struct vm_console),
	                   PT_WRITE);
}

bool root_map_counters(const struct vm *vm, u32 vcpu)
{
	return process_map_counters(&process, counters_at(vm->id, vcpu),
	                            vm->vcpu[vcpu]->task.counters);
}

static void unmap(u64 va, u64 len)
{
	/* Small pages: a part of a larger mapping is never asked for, so this cannot fail. */
	(void)!pt_unmap(process.tables, va, len);
	pt_flush(va, len);
}

void root_unmap_console(const struct vm *vm)
{
	unmap(console_at(vm->id), align_up(sizeof(struct vm_console), PAGE_SIZE));
}

void root_unmap_counters(const struct vm *vm, u64 vcpu)
{
	unmap(counters_at(vm->id, vcpu), COUNTERS_STRIDE);
}

/* ---- what root does ---- */

/* Ten times a VM's weight: it has little to do, and who waits for it waits at a console. */
s64 root_create(const struct module *program)
{
	struct vcpu_counters *counters = arena_alloc(&process.arena, COUNTERS_STRIDE >> PAGE_SHIFT,
	                                             1);
	s64 error = counters == NULL ? SYS_ENOMEM : process_create(&process, program);
	u64 pages = error == 0 ? process_pages(program) : 0;

	for (u64 i = 0; i < pages && error == 0; i++)
		error = process_load(&process, program, i);
	if (error == 0)
		error = process_thread(&process, program, 0, &root_task.thread);
	if (error != 0)
		return error;
	root_task.process = &process;
	root_task.attend = &attend;
	root_task.mail = &no_mail;
	root_task.events = &no_mail;
	root_task.sched.weight = 1000;
	sched_setup(&root_task, &run_queues[0], counters, ROOT_VM, 0);
	if (!map_machine())
		return SYS_ENOMEM;
	events_set_reader(&root_task);
	sched_add(&root_task);
	return 0;
}

s64 root_wait(u64 ticks)
{
	struct thread *thread = &root_task.thread;

	if (events_take((struct root_event *)(void *)thread->page->data))
		return 1;
	thread->busy = false;
	thread->waiting = true;
	thread->alarm_at = ticks == 0 ? 0 : root_task.rq->stamp + ticks;
	return 0;
}

/* By time, or since there is an event. */
static void end_wait(struct thread *thread)
{
	thread->alarm_at = 0;
	thread->regs.rax = events_take((struct root_event *)(void *)thread->page->data) ? 1 : 0;
	thread->busy = true;
	thread->waiting = false;
}

void root_end(enum vm_end why, u64 value)
{
	ended = why;
	end_value = value;
}

static void leave(void)
{
	sched_leave(&root_task);
	pt_activate(kernel_page_table());
	events_set_reader(NULL);
	vm_last_words(ROOT_VM, "root", ended, end_value);
}

enum after root_run(void)
{
	struct task *task = &root_task;

	for (;;) {
		u64 now = rdtsc();
		bool yields = (attend & ATTEND_YIELD) != 0;

		attend = 0;
		sched_poll(task->rq, now);
		if (ended != END_NONE) {
			leave();
			return AFTER_SWITCH;
		}
		if ((atomic_swap(&task->requests, 0u) & REQUEST_SIGNAL) != 0)
			task->thread.alarm_at = 1; /* long past: due at once */
		if (now >= thread_alarm(&task->thread))
			end_wait(&task->thread);
		if (sched_must_yield(task->rq, now) || yields) {
			sched_preempt(task);
			return AFTER_SWITCH;
		}
		task->yield_at = sched_slice_end(task);
		if (thread_ready(&task->thread, now))
			return AFTER_THREAD;
		if (sched_block(task, thread_due(&task->thread)))
			return AFTER_SWITCH;
	}
}
