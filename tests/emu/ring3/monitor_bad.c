/* SPDX-License-Identifier: MIT */
/*
 * A monitor that does what the guest's first word says, if that is a row of `ways`; else it is the
 * monitor that it replaces, so that VMs of both kinds run side by side.
 */
#include "hv/base/string.h"
#include "hv/ring3/monitor/monitor.h"
#include "tests/emu/ring3/answers.h"
#include "tests/emu/ring3/reach.h"

#define VERDICT_OK 0u

static struct monitor monitor;
static const struct process_info *info = (const struct process_info *)USER_INFO;

static bool attempt(const struct sys *sys, bool last)
{
	bool done;

	lock_take(&monitor.lock, sys);
	done = monitor_handle(&monitor, sys, last);
	lock_drop(&monitor.lock);
	return done;
}

static void do_run_data(const struct sys *sys)
{
	(void)sys;
	jump((u64)(uintptr_t)&monitor);
}

static void do_next_stack(const struct sys *sys)
{
	(void)sys;
	store(USER_THREADS + info->config.vcpus * USER_THREAD_STRIDE + USER_STACK_OFFSET);
}

static u64 used_behind(u64 module, u64 size)
{
	u64 used = 0;

	for (u64 at = size; size != 0 && at % PAGE_SIZE != 0; at++)
		used += *(const u8 *)(module + at) != 0;
	return used;
}

static void do_loop(const struct sys *sys)
{
	(void)sys;
	for (;;)
		__builtin_ia32_pause();
}

static void do_never(const struct sys *sys)
{
	for (;;)
		sys_sleep(sys, ~0ull);
}

static u64 (*volatile deeper)(u64 depth); /* which the compiler cannot see through */

static u64 recurse(u64 depth)
{
	volatile u8 room[512];

	room[0] = (u8)depth;
	return deeper(depth + 1) + room[0];
}

static void do_stack(const struct sys *sys)
{
	(void)sys;
	deeper = recurse;
	recurse(0);
}

static void do_exit(const struct sys *sys)
{
	(void)sys->call(SYS_EXIT, 7, 0, 0);
}

/* No stack, and no place to return to, while it makes a call. */
static void do_registers(const struct sys *sys)
{
	(void)sys;
	__asm__ volatile("mov $-1, %%rsp; pushf; ud2" : : : "memory");
}

#define LONG_TICKS 20000000ull
#define STEP_TICKS 200u

/* Once, long, and then it works as it should. By its own time: a step of the clock is somebody
 * else's where it is longer than the loop. */
static void do_compute(const struct sys *sys)
{
	static bool done;
	u64 last = sys->now(), worked = 0;

	while (!done && worked < LONG_TICKS) {
		u64 now = sys->now();

		worked += now - last < STEP_TICKS ? now - last : 0;
		last = now;
	}
	done = true;
}

/* Tells root of output that there is not, as often as it can, and then works as it should. */
static void do_output(const struct sys *sys)
{
	static bool done;
	u64 begin = sys->now();

	while (!done && sys->now() - begin < LONG_TICKS)
		sys_output(sys);
	done = true;
}

static void reply_with(const struct sys *sys, struct reply reply)
{
	sys->page->reply = reply;
	(void)sys_reply_wait(sys);
}

static void do_reply_action(const struct sys *sys)
{
	reply_with(sys, (struct reply){ .action = REPLY_ACTIONS });
}

static void do_reply_resume(const struct sys *sys)
{
	reply_with(sys, (struct reply){ .action = REPLY_RESUME });
}

/* The second answers nothing: what came in between is another question. */
static void do_reply_twice(const struct sys *sys)
{
	(void)attempt(sys, true);
	(void)sys_reply_wait(sys);
	sys->page->reply.action = REPLY_START;
	(void)sys_reply_wait(sys);
}

/* An end that is not a monitor's to declare. */
static void do_reply_end(const struct sys *sys)
{
	reply_with(sys, (struct reply){ .action = REPLY_STOP, .stop = END_TRIPLE_FAULT });
}

static void do_reply_mode(const struct sys *sys)
{
	reply_with(sys, (struct reply){ .action = REPLY_START, .start.mode = START_MODES });
}

static void do_reply_rip(const struct sys *sys)
{
	reply_with(sys, (struct reply){ .action = REPLY_START,
	                                .start = { .mode = START_LONG, .rip = 1ull << 63 } });
}

static void do_reply_cr3(const struct sys *sys)
{
	reply_with(sys, (struct reply){ .action = REPLY_START,
	                                .start = { .mode = START_LONG, .cr3 = ~0xfffull } });
}

static volatile bool spoiling;

/*
 * Thread 1, while thread 0 hands over its reply, changes in it what the monitor may declare into
 * what it may not, and back, for ever. What ring 0 checks and what it uses must be the same.
 */
static void do_reply_race(const struct sys *sys)
{
	sys->page->reply = (struct reply){ .action = REPLY_STOP, .stop = END_DEBUG_EXIT };
	while (!spoiling)
		__builtin_ia32_pause();
	(void)sys_reply_wait(sys);
}

static void spoil_reply(void)
{
	volatile struct reply *reply = &sys_thread_page(0)->reply;

	for (;;) {
		reply->stop = END_TRIPLE_FAULT;
		reply->stop = END_DEBUG_EXIT;
		spoiling = true;
	}
}

/* Every call with every wild value; those that are root's must all be refused. */
static void do_calls(const struct sys *sys)
{
	static const u64 wild[] = { 0,          1,          2,
		                    0x7fff,     0xfee00000, 0xfeeff00c,
		                    1ull << 32, 1ull << 63, 0xffff800000000000,
		                    ~0ull };
	struct reply done = { .action = REPLY_STOP, .stop = END_DEBUG_EXIT, .value = VERDICT_OK };

	memset(sys->page->data, 0xff, THREAD_DATA_SIZE);
	for (u64 n = SYS_REPLY_WAIT + 1; n < SYSCALLS + 3; n++) {
		bool mine = n <= SYS_SLEEP;

		for (u32 i = 0; n != SYS_EXIT && i < ARRAY_SIZE(wild) * ARRAY_SIZE(wild); i++) {
			u64 a = wild[i / ARRAY_SIZE(wild)], b = wild[i % ARRAY_SIZE(wild)];
			s64 got;

			if (n == SYS_SLEEP && a > 2)
				continue;
			got = sys->call(n, a, b, a ^ b);
			if (!mine && got != (n < SYSCALLS ? SYS_EPERM : SYS_ENOSYS))
				done.value++;
		}
	}
	if (sys->call(~0ull, 0, 0, 0) != SYS_ENOSYS || sys->call(1ull << 32, 0, 0, 0) != SYS_ENOSYS)
		done.value++;
	(void)sys->call(SYS_ALARM, 0, 0, 0);
	reply_with(sys, done);
}

#define INSN_ANSWERS 3000u

/* Answers each instruction in that way; other messages are answered as they should be. At last the
 * VM ends, for its guest would go on. */
static void answer(const struct sys *sys, void (*spoil)(struct insn_result *))
{
	struct insn_message *page = (struct insn_message *)(void *)sys->page->data;
	static u32 answers;

	while (sys->page->message.kind == MSG_INSTRUCTION) {
		page->result = (struct insn_result){ .rflags = page->cpu.rflags };
		memcpy(page->result.gpr, page->cpu.gpr, sizeof(page->result.gpr));
		spoil(&page->result);
		if (++answers < INSN_ANSWERS)
			reply_with(sys, (struct reply){ .action = REPLY_RESUME });
		else
			reply_with(sys,
			           (struct reply){ .action = REPLY_STOP, .stop = END_DEBUG_EXIT });
	}
}

static void do_insn_registers(const struct sys *sys)
{
	answer(sys, no_registers);
}

static void do_insn_length(const struct sys *sys)
{
	answer(sys, no_length);
}

static void do_insn_fault(const struct sys *sys)
{
	answer(sys, no_fault);
}

static void do_insn_traps(const struct sys *sys)
{
	answer(sys, no_traps);
}

static void do_insn_random(const struct sys *sys)
{
	answer(sys, no_sense);
}

/* The rings with root, out of order. */
static void do_rings(const struct sys *sys)
{
	struct vm_console *console = (struct vm_console *)USER_CONSOLE;

	memset(console, 0xff, sizeof(*console));
	console->out[CONSOLE_COM1].tail = 0x80000000;
	console->out[CONSOLE_COM2].head = 5;
	for (u32 i = 0; i < 100; i++)
		sys_output(sys);
	reply_with(sys, (struct reply){ .action = REPLY_STOP, .stop = END_DEBUG_EXIT });
}

/* What all that do this or `end` wait for, so as to do it at the same time. */
static void wait_for_round_time(const struct sys *sys)
{
	u64 now = sys->now();

	sys_sleep(sys, LONG_TICKS - now % LONG_TICKS);
}

/* Each thread, once: with many threads that are many events for root. */
static void flood(const struct sys *sys)
{
	wait_for_round_time(sys);
	(void)sys->call(SYS_POWER, POWER_OFF, 0, 0);
}

/* How many bytes behind its images' ends, in their last pages, are not 0. */
static void do_tail(const struct sys *sys)
{
	u64 used = used_behind(USER_IMAGE, info->image_size) +
	           used_behind(USER_MODULES, info->module_size[0]);

	reply_with(sys,
	           (struct reply){ .action = REPLY_STOP, .stop = END_DEBUG_EXIT, .value = used });
}

static void do_end(const struct sys *sys)
{
	wait_for_round_time(sys);
	reply_with(sys, (struct reply){ .action = REPLY_STOP, .stop = END_DEBUG_EXIT });
}

static const struct {
	const char *name;
	void (*act)(const struct sys *sys);
} ways[] = {
	{ "null", do_null },
	{ "kernel", do_kernel },
	{ "direct-map", do_direct_map },
	{ "counters", do_counters },
	{ "text", do_text },
	{ "run-data", do_run_data },
	{ "next-stack", do_next_stack },
	{ "halt", do_halt },
	{ "port", do_port },
	{ "serial-port", do_serial_port },
	{ "selectors", do_selectors },
	{ "local-selector", do_local_selector },
	{ "sysenter", do_sysenter },
	{ "syscall", do_syscall },
	{ "rdpmc", do_rdpmc },
	{ "tail", do_tail },
	{ "loop", do_loop },
	{ "never", do_never },
	{ "stack", do_stack },
	{ "compute", do_compute },
	{ "output", do_output },
	{ "end", do_end },
	{ "exit", do_exit },
	{ "registers", do_registers },
	{ "reply-action", do_reply_action },
	{ "reply-resume", do_reply_resume },
	{ "reply-twice", do_reply_twice },
	{ "reply-end", do_reply_end },
	{ "reply-mode", do_reply_mode },
	{ "reply-rip", do_reply_rip },
	{ "reply-cr3", do_reply_cr3 },
	{ "reply-race", do_reply_race },
	{ "insn-registers", do_insn_registers },
	{ "insn-length", do_insn_length },
	{ "insn-fault", do_insn_fault },
	{ "insn-traps", do_insn_traps },
	{ "insn-random", do_insn_random },
	{ "calls", do_calls },
	{ "rings", do_rings },
};

static void misbehave(const struct sys *sys)
{
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(info->config.args, ways[i].name) == 0)
			ways[i].act(sys);
}

u64 rt_main(u64 index)
{
	const struct sys sys = { sys_call, tsc_read, sys_thread_page(index) };
	const struct guest_memory memory = { (u8 *)USER_GUEST, info->config.memory };

	const struct view modules[VM_MODULES] = { { NULL, 0 } };

	if (index == 0)
		monitor_init(&monitor, info, (const u8 *)USER_COUNTERS,
		             (struct vm_console *)USER_CONSOLE, memory,
		             (struct view){ (const u8 *)USER_IMAGE, info->image_size }, modules);
	else if (strcmp(info->config.args, "reply-race") == 0)
		spoil_reply();
	if (strcmp(info->config.args, "flood") == 0)
		flood(&sys);
	for (;;) {
		if (sys_reply_wait(&sys) < 0)
			return 1;
		misbehave(&sys);
		while (!attempt(&sys, false))
			sys_sleep(&sys, monitor.info->tsc_hz / 1000);
	}
}
