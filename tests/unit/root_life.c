/* SPDX-License-Identifier: MIT */
/* Root as a whole, against a kernel and a serial port of a few lines: from grub.cfg to power-off.
 */
#include "tests/unit/ring3.h"

#include <sys/mman.h>

#include "hv/root/root.h"
#include "hv/rt/ring.h"

#define HZ 1000000u

/* --- the machine --- */

static struct root root;
static struct root_machine machine;
static struct root_info info;
static struct thread_page page;
static u8 consoles[MAX_VMS * CONSOLE_STRIDE] ALIGNED(4096);
static u8 core_pages[MAX_CORES * PAGE_SIZE] ALIGNED(4096);

static struct {
	enum vm_state state[MAX_VMS];
	struct vm_config config[MAX_VMS];
	bool paused[MAX_VMS];
	u32 created, signals[MAX_VMS], off, sleeps;
	u32 fail_create; /* the n-th creation fails */
	u64 now, waited; /* the last SYS_WAIT's ticks */
	struct root_event events[16];
	u32 first, used;
} kernel;

static struct {
	char sent[2][1 << 20];
	u32 n[2];
	const char *typed;
	u32 busy; /* looks until the transmitter is empty */
} line;

static void push(struct root_event event)
{
	kernel.events[kernel.used++ % 16] = event;
}

static void end_vm(u32 vm, u32 how, u64 value)
{
	kernel.state[vm] = VM_ENDED;
	push((struct root_event){ .kind = EVENT_VM_END, .vm = vm, .stop = how, .value = value });
}

static s64 create(void)
{
	const struct vm_config *c = (const struct vm_config *)(const void *)page.data;

	if (++kernel.created == kernel.fail_create)
		return SYS_ENOMEM;
	for (u32 id = 1; id < MAX_VMS; id++) {
		if (kernel.state[id] != VM_NONE)
			continue;
		kernel.state[id] = VM_CREATED;
		kernel.config[id] = *c;
		memset(consoles + id * CONSOLE_STRIDE, 0, CONSOLE_STRIDE);
		return id;
	}
	return SYS_EBUSY;
}

static s64 destroy(u64 vm)
{
	if (kernel.state[vm] == VM_NONE)
		return SYS_ENOENT;
	if (kernel.state[vm] == VM_RUNNING) {
		end_vm((u32)vm, END_STOPPED, 0);
		return 0;
	}
	kernel.state[vm] = VM_NONE;
	push((struct root_event){ .kind = EVENT_VM_GONE, .vm = (u32)vm });
	return 0;
}

static s64 wait(u64 ticks)
{
	kernel.waited = ticks;
	if (kernel.first == kernel.used) {
		kernel.now += ticks;
		return 0;
	}
	memcpy(page.data, &kernel.events[kernel.first++ % 16], sizeof(struct root_event));
	return 1;
}

static s64 call(u64 number, u64 a, u64 b, u64 c)
{
	(void)c;
	switch (number) {
	case SYS_WAIT:
		return wait(a);
	case SYS_SLEEP:
		kernel.now += a;
		kernel.sleeps++;
		return 0;
	case SYS_VM_CREATE:
		return create();
	case SYS_VM_START:
		if (kernel.state[a] != VM_CREATED)
			return SYS_EBUSY;
		kernel.state[a] = VM_RUNNING;
		return 0;
	case SYS_VM_DESTROY:
		return destroy(a);
	case SYS_VM_PAUSE:
		kernel.paused[a] = b != 0;
		return 0;
	case SYS_VM_SIGNAL:
		kernel.signals[a]++;
		return 0;
	case SYS_QUERY:
		return kernel.state[b];
	case SYS_POWER:
		kernel.off++;
		return 0;
	default:
		ck_abort_msg("system call %u", (unsigned int)number);
	}
}

static u64 now(void)
{
	return kernel.now;
}

static u8 port_read(u16 port)
{
	switch (port & 7) {
	case 0:
		return (u8)*line.typed++;
	case 5:
		if (line.busy > 0) {
			line.busy--;
			return 0;
		}
		return (u8)(0x60 | ((port & 0xff8) == SERIAL_COM1 && *line.typed != 0 ? 1 : 0));
	case 7:
		return 0x5a;
	default:
		return 0;
	}
}

static void port_write(u16 port, u8 value)
{
	u32 com = (port & 0xff8) == SERIAL_COM1 ? 0 : 1;

	if ((port & 7) != 0)
		return;
	ck_assert_uint_lt(line.n[com], sizeof(line.sent[com]) - 1);
	line.sent[com][line.n[com]++] = (char)value;
	line.sent[com][line.n[com]] = 0;
}

static void boot(const char *options, const char *const *modules)
{
	static u8 *counters;

	if (counters == NULL)
		counters = mmap(NULL, MAX_VMS * VM_COUNTERS_STRIDE, PROT_READ | PROT_WRITE,
		                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	memset(&root, 0, sizeof(root));
	memset(&kernel, 0, sizeof(kernel));
	memset(&info, 0, sizeof(info));
	memset(line.n, 0, sizeof(line.n));
	line.sent[0][0] = line.sent[1][0] = 0;
	line.typed = "";
	kernel.now = 1000;
	info.cores = 2;
	info.memory_free = 1u << 30;
	info.process.tsc_hz = HZ;
	info.machine = MACHINE_EMULATED;
	strcpy(info.command_line, options);
	for (; modules[info.modules] != NULL; info.modules++) {
		info.module[info.modules].size = 1;
		strcpy(info.module[info.modules].string, modules[info.modules]);
	}
	machine = (struct root_machine){ { call, now, &page },
		                         { port_read, port_write },
		                         &info,
		                         consoles,
		                         counters,
		                         core_pages };
	root_start(&root, &machine);
}

static void steps(u32 n)
{
	while (n-- > 0)
		root_step(&root);
}

static void vm_writes(u32 vm, u32 channel, const char *text)
{
	struct vm_console *c = (struct vm_console *)(void *)(consoles + vm * CONSOLE_STRIDE);

	for (; *text != 0; text++)
		ck_assert(ring_put(&c->out[channel], (u8)*text));
}

static void type(const char *text)
{
	line.typed = text;
	steps(200);
}

static const char *const two[] = { "root", "monitor", "vm name=a", "vm name=b restart=2", NULL };

/* --- the tests --- */

START_TEST(batch_to_its_end)
{
	boot("telemetry=com2 batch", two);
	ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	ck_assert_str_eq(kernel.config[1].name, "a");
	steps(40);
	ck_assert_uint_eq(kernel.waited, 0); /* nothing to do: it disturbs nobody */
	vm_writes(1, CONSOLE_COM1, "hello\nunfinished");
	vm_writes(1, CONSOLE_COM2, "{\"type\":\"bench\"}\n");
	push((struct root_event){ .kind = EVENT_OUTPUT });
	steps(40);
	ck_assert_holds(line.sent[0], "[a] hello\r\n");
	ck_assert_lacks(line.sent[0], "unfinished");
	ck_assert_lacks(line.sent[1], "bench"); /* telemetry waits while VMs run */
	end_vm(1, END_DEBUG_EXIT, 0);
	end_vm(2, END_POWER_OFF, 0);
	steps(8);
	/* b comes back, twice at most. */
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	ck_assert_uint_eq(kernel.off, 0);
	end_vm(2, END_RESET, 0);
	steps(8);
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	end_vm(2, END_DEBUG_EXIT, 0);
	steps(8);
	ck_assert_uint_eq(kernel.state[2], VM_ENDED);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[1], "{\"vm\":\"a\",\"type\":\"bench\"}\n");
	ck_assert_holds(line.sent[0], "[a] unfinished\r\n");
	ck_assert_holds(line.sent[0], "tapvisor: vm a ended itself by debug-exit with 0\r\n");
	ck_assert_holds(line.sent[0], "tapvisor: verdict: ok\r\n");
	ck_assert_lacks(line.sent[0], "events were lost");
	ck_assert_holds(line.sent[1], "{\"type\":\"vm-end\",\"vm\":\"b\",\"reason\":\"reset\"");
	ck_assert_str_eq(strrchr(line.sent[1], '{'),
	                 "{\"type\":\"verdict\",\"ok\":true,\"failures\":[]}\n");
}
END_TEST

START_TEST(failures_are_the_verdict)
{
	boot("telemetry=com2 batch", two);
	end_vm(1, END_DEBUG_EXIT, 3);
	end_vm(2, END_STOPPED, 0);
	steps(8);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "a ended by debug-exit with 3, not 0\r\n");
	ck_assert_holds(line.sent[0], "b was stopped\r\n");
	ck_assert_str_eq(strrchr(line.sent[1], '{'),
	                 "{\"type\":\"verdict\",\"ok\":false,\"failures\":[\"a ended by debug-exit "
	                 "with 3, not 0\",\"b was stopped\"]}\n");
}
END_TEST

START_TEST(mistakes_start_nothing)
{
	static const char *const bad[] = { "root", "monitor", "vm name=a", "vm name=b vcpus=x",
		                           NULL };

	boot("telemetry=com2 batch", bad);
	steps(8);
	ck_assert_uint_eq(kernel.created, 0);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "vcpus= wants");
	ck_assert_holds(line.sent[0], "vm name=b vcpus=x\r\n                    ^\r\n");
	ck_assert_holds(line.sent[1], "\"ok\":false");
}
END_TEST

START_TEST(all_or_none)
{
	boot("batch", two);
	memset(&kernel, 0, sizeof(kernel));
	kernel.fail_create = 2;
	memset(&root, 0, sizeof(root));
	root_start(&root, &machine);
	steps(8);
	ck_assert_uint_eq(kernel.created, 2);
	ck_assert_uint_eq(kernel.state[1], VM_NONE);
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "vm b cannot be made: there is not enough memory");
	ck_assert_holds(line.sent[0], "no VM is started");
	ck_assert_holds(line.sent[0], "verdict: failed");
}
END_TEST

START_TEST(shell)
{
	boot("", two);
	steps(20);
	ck_assert_holds(line.sent[0], "tapvisor> ");
	ck_assert_uint_eq(kernel.waited, HZ / 50 + 1);
	type("help\r");
	ck_assert_holds(line.sent[0], "power-off");
	type("vms\r");
	ck_assert_holds(line.sent[0], "runs");
	type("pause a\r");
	ck_assert(kernel.paused[1]);
	type("pause a\r");
	ck_assert_holds(line.sent[0], "vm a is paused: not possible now");
	type("resume a\r");
	ck_assert(!kernel.paused[1]);
	type("stop c\r");
	ck_assert_holds(line.sent[0], "there is no VM c");
	type("stop\r");
	ck_assert_holds(line.sent[0], "stop wants the name of a VM");
	type("dance\r");
	ck_assert_holds(line.sent[0], "there is no command dance");
	type("vms a\r");
	ck_assert_holds(line.sent[0], "vms stands alone");
	type("stop a\r");
	ck_assert_uint_eq(kernel.state[1], VM_ENDED);
	ck_assert_holds(line.sent[0],
	                "tapvisor> stop a\r\ntapvisor> \r\033[Ktapvisor: vm a was stopped");
	type("focus a\r");
	ck_assert_uint_eq(root.console.focus, NO_FOCUS);
	ck_assert_holds(line.sent[0], "vm a is ended: not possible now");
	type("reset a\r");
	ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	ck_assert_uint_eq(kernel.created, 3);
	type("reset b\r");
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	ck_assert_uint_eq(kernel.created, 4);
	type("exits\rexits a\ripi b\revents\rblame\rtimes\rreport\r");
	ck_assert_holds(line.sent[0], "Time of cores");
	ck_assert_uint_eq(kernel.off, 0);
	type("power-off\r");
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "a runs");
	ck_assert_holds(line.sent[0], "verdict: failed");
}
END_TEST

START_TEST(completion)
{
	boot("", two);
	type("po\t\003");
	ck_assert_holds(line.sent[0], "power-off ^C");
	type("re\t");
	ck_assert_holds(line.sent[0], "report resume reset reboot");
	type("s\tx");
	ck_assert_holds(line.sent[0], "resx");
	type("\025pause \t");
	ck_assert_holds(line.sent[0], "a b");
	type("a\t\r");
	ck_assert(kernel.paused[1]);
	type("zzz\t\t\003");
}
END_TEST

START_TEST(focus)
{
	struct vm_console *c = (struct vm_console *)(void *)(consoles + CONSOLE_STRIDE);
	u8 bytes[16];
	bool stalled;

	boot("", two);
	type("focus a\rls\r");
	ck_assert_holds(line.sent[0],
	                "tapvisor> focus a\r\ntapvisor: vm a has the terminal; ^T leads "
	                "back\r\n");
	ck_assert_uint_eq(ring_get(&c->in[CONSOLE_COM1], bytes, 16, &stalled), 3);
	ck_assert_int_eq(memcmp(bytes, "ls\r", 3), 0);
	ck_assert_uint_eq(kernel.signals[1], 3);
	vm_writes(1, CONSOLE_COM1, "\033[1mfile");
	steps(20);
	ck_assert_holds(line.sent[0], "\033[1mfile");
	type("\024vms\r");
	ck_assert_holds(line.sent[0], "vCPUs");
	type("\024x");
	ck_assert_uint_eq(ring_get(&c->in[CONSOLE_COM1], bytes, 16, &stalled), 1);
	end_vm(1, END_TRIPLE_FAULT, 0);
	steps(400);
	ck_assert_uint_eq(root.console.focus, NO_FOCUS);
	ck_assert_holds(line.sent[0], "rip    0000000000000000");
}
END_TEST

START_TEST(raw_console_and_off)
{
	static const char *const vms[] = { "root", "monitor", "vm name=a console=raw",
		                           "vm name=b console=off", NULL };

	boot("", vms);
	ck_assert_uint_eq(root.console.focus, 1);
	vm_writes(1, CONSOLE_COM1, "raw\ntext");
	vm_writes(2, CONSOLE_COM1, "silence\n");
	steps(40);
	ck_assert_holds(line.sent[0], "raw\ntext");
	ck_assert_lacks(line.sent[0], "silence");
}
END_TEST

START_TEST(top_until_a_key)
{
	boot("", two);
	type("top\r");
	ck_assert_holds(line.sent[0], "any key ends this");
	ck_assert(root.top.active);
	type("q");
	ck_assert(!root.top.active);
}
END_TEST

/* A guest that writes faster than the line: its ring is emptied only while there is room. */
START_TEST(backpressure)
{
	struct vm_console *c = (struct vm_console *)(void *)(consoles + CONSOLE_STRIDE);
	u64 total = 0;

	boot("batch", two);
	for (u32 i = 0; i < 20000; i++) {
		while (ring_room(&c->out[0]) > 0) {
			(void)!ring_put(&c->out[0], total % 80 == 79 ? '\n' : 'x');
			total++;
		}
		line.n[0] = 0;
		root_step(&root);
		ck_assert_uint_le(queue_used(&root.com1_queue), QUEUE_SIZE);
	}
	ck_assert_uint_lt(ring_room(&c->out[0]), BYTE_RING_SIZE);
	ck_assert_uint_gt(kernel.signals[1], 0);
	ck_assert_uint_eq(kernel.waited, HZ / SERIAL_BURSTS_PER_SECOND + 1);
}
END_TEST

/* Root's own words are not dropped: whoever speaks waits for the line, asleep. */
START_TEST(long_speeches)
{
	boot("batch telemetry=com2", two);
	line.busy = 7;
	for (u32 i = 0; queue_room(&root.com1_queue) >= 40; i++)
		console_say(&root.console, "%020u", i);
	console_say(&root.console, "the first that does not fit");
	ck_assert_uint_eq(kernel.sleeps, 7);
	line.busy = 3;
	while (kernel.sleeps < 10)
		out_text(&root.com2_queue.out, "{}\n");
	line.busy = 5;
	pump_flush(&root);
	ck_assert_holds(line.sent[0], "the first that does not fit\r\n");
	ck_assert_uint_eq(queue_used(&root.com1_queue) + queue_used(&root.com2_queue), 0);
}
END_TEST

START_TEST(restarts_that_fail)
{
	boot("batch", two);
	kernel.fail_create = 3;
	end_vm(2, END_RESET, 0);
	end_vm(1, END_POWER_OFF, 0);
	steps(20);
	ck_assert_holds(line.sent[0], "vm b cannot be made: there is not enough memory");
	ck_assert_holds(line.sent[0], "1 failure before");
	ck_assert_holds(line.sent[0], "verdict: failed");
	ck_assert_uint_eq(kernel.off, 1);
}
END_TEST

START_TEST(one_after_the_other)
{
	static const char *const three[] = {
		"root", "monitor", "vm name=a after=b", "vm name=b restart=1", "vm name=c after=a",
		NULL
	};

	boot("batch", three);
	ck_assert_uint_eq(kernel.state[1], VM_CREATED);
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	end_vm(2, END_RESET, 0);
	steps(20);
	ck_assert_uint_eq(kernel.state[1], VM_CREATED); /* b comes back first */
	ck_assert_uint_eq(kernel.state[2], VM_RUNNING);
	end_vm(2, END_DEBUG_EXIT, 0);
	steps(20);
	ck_assert_uint_eq(kernel.state[1], VM_RUNNING);
	ck_assert_uint_eq(kernel.state[3], VM_CREATED);
	ck_assert_uint_eq(kernel.off, 0);
	end_vm(1, END_DEBUG_EXIT, 0);
	steps(20);
	end_vm(3, END_DEBUG_EXIT, 0);
	steps(20);
	ck_assert_holds(line.sent[0], "tapvisor: verdict: ok");
	ck_assert_uint_eq(kernel.off, 1);
}
END_TEST

START_TEST(lost_events)
{
	boot("batch", two);
	kernel.state[1] = VM_ENDED;
	kernel.state[2] = VM_ENDED;
	push((struct root_event){ .kind = EVENT_OUTPUT, .lost = 2 });
	root.slot[1].restarts = 2;
	steps(8);
	ck_assert_holds(line.sent[0], "vm a ");
	ck_assert_holds(line.sent[0], "2 events were lost");
	ck_assert_uint_eq(kernel.off, 1);
	ck_assert_holds(line.sent[0], "verdict: failed");
	boot("", two);
	push((struct root_event){ .kind = EVENT_SYSCALL_DENIED, .vm = 2, .value = 7 });
	push((struct root_event){ .kind = EVENT_VM_GONE, .vm = 9 });
	push((struct root_event){ .kind = EVENT_VM_END, .vm = 9 });
	steps(40);
	ck_assert_holds(line.sent[0], "the monitor of vm b made system call 7: refused");
}
END_TEST

RING3_MAIN("root_life", batch_to_its_end, failures_are_the_verdict, mistakes_start_nothing,
           all_or_none, shell, completion, focus, raw_console_and_off, top_until_a_key,
           backpressure, long_speeches, restarts_that_fail, one_after_the_other, lost_events)
