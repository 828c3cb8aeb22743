/* SPDX-License-Identifier: MIT */
/* Root as a whole, with a kernel and two serial ports of a few lines. One such world a program. */
#ifndef TESTS_UNIT_ROOT_WORLD_H
#define TESTS_UNIT_ROOT_WORLD_H

#include "tests/unit/ring3.h"

#include <sys/mman.h>

#include "hv/ring3/root/root.h"
#include "hv/ring3/rt/ring.h"

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
	u32 fail_create;              /* the n-th creation fails */
	u32 sampled;                  /* samples asked for */
	bool mute;                    /* and not answered */
	u32 doing;                    /* of the vCPUs that are sampled */
	const struct vcpu_dump *dump; /* what else is found of them; NULL: nothing */
	u32 impatient;                /* who sleeps so often presses a key; 0: never */
	u32 keys;                     /* pressed so */
	u64 now, waited;              /* the last SYS_WAIT's ticks */
	struct root_event events[16];
	u32 first, used;
} kernel;

static struct {
	char sent[2][1 << 20];
	u32 n[2];
	const char *typed;
	u32 breaks;   /* to come, before what is typed */
	u32 terminal; /* the port on which it is typed: 0 COM1, 1 COM2 */
	u32 busy;     /* looks until the transmitter is empty */
	bool overrun; /* for whoever looks next */
	bool absent;  /* there are no serial ports */
} line;

/* A screen of characters, and what its keyboard sends: scan codes. */
static struct {
	u8 memory[PAGE_SIZE];
	const char *scans;
	u8 acks; /* that the keyboard owes */
	bool keyboard;
} screen;

static void push(struct root_event event)
{
	kernel.events[kernel.used++ % 16] = event;
}

static inline void end_vm(u32 vm, u32 how, u64 value)
{
	kernel.state[vm] = VM_ENDED;
	push((struct root_event){
		.kind = ROOT_EVENT_VM_END, .vm = vm, .stop = how, .value = value });
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

static s64 stop(u64 vm)
{
	if (kernel.state[vm] == VM_NONE)
		return SYS_ENOENT;
	if (kernel.state[vm] == VM_CREATED)
		return SYS_EBUSY;
	if (kernel.state[vm] == VM_RUNNING)
		end_vm((u32)vm, END_STOPPED, 0);
	return 0;
}

static s64 destroy(u64 vm)
{
	if (kernel.state[vm] == VM_NONE)
		return SYS_ENOENT;
	if (kernel.state[vm] == VM_RUNNING)
		return SYS_EBUSY;
	kernel.state[vm] = VM_NONE;
	push((struct root_event){ .kind = ROOT_EVENT_VM_GONE, .vm = (u32)vm });
	return 0;
}

/* Two samples of three are at 0x1000. */
static s64 sample(u64 vm, u64 vcpu)
{
	struct root_event event = { .kind = ROOT_EVENT_SAMPLE, .vm = (u32)vm, .vcpu = (u32)vcpu };

	if (kernel.state[vm] != VM_RUNNING)
		return SYS_ENOENT;
	if (kernel.dump != NULL)
		event.dump = *kernel.dump;
	event.dump.rip = kernel.sampled++ % 3 == 2 ? 0x2000 : 0x1000;
	event.dump.doing = kernel.doing;
	event.dump.timer = kernel.dump != NULL ? kernel.dump->timer : UINT64_MAX;
	if (!kernel.mute)
		push(event);
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
		if (kernel.impatient != 0 && kernel.sleeps % kernel.impatient == 0) {
			screen.scans = "\x39";
			kernel.keys++;
		}
		return 0;
	case SYS_VM_CREATE:
		return create();
	case SYS_VM_START:
		if (kernel.state[a] != VM_CREATED)
			return SYS_EBUSY;
		kernel.state[a] = VM_RUNNING;
		return 0;
	case SYS_VM_STOP:
		return stop(a);
	case SYS_VM_DESTROY:
		return destroy(a);
	case SYS_VM_PAUSE:
		kernel.paused[a] = b != 0;
		return 0;
	case SYS_VM_SIGNAL:
		kernel.signals[a]++;
		return 0;
	case SYS_VM_SAMPLE:
		return sample(a, b);
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

static u8 line_status(u32 com)
{
	bool overrun = com == line.terminal && line.overrun;

	line.overrun &= !overrun;
	if (com == line.terminal && line.breaks != 0)
		return 0x71;
	return (u8)(0x60 | (com == line.terminal && *line.typed != 0 ? 1 : 0) | (overrun ? 2 : 0));
}

static u8 keyboard_read(u16 port)
{
	if (!screen.keyboard)
		return 0xff;
	if (port == 0x64)
		return screen.acks > 0 || *screen.scans != 0 ? 1 : 0;
	if (screen.acks == 0)
		return (u8)*screen.scans++;
	screen.acks--;
	return 0xfa;
}

static u8 port_read(u16 port)
{
	if (port == 0x60 || port == 0x64)
		return keyboard_read(port);
	if (line.absent)
		return 0xff;
	switch (port & 7) {
	case 0:
		if (line.breaks != 0) {
			line.breaks--;
			return 0;
		}
		return (u8)*line.typed++;
	case 5:
		if (line.busy > 0) {
			line.busy--;
			return 0;
		}
		return line_status((port & 0xff8) == SERIAL_COM1 ? 0 : 1);
	case 7:
		return 0x5a;
	default:
		return 0;
	}
}

static void port_write(u16 port, u8 value)
{
	u32 com = (port & 0xff8) == SERIAL_COM1 ? 0 : 1;

	if (port == 0x60 ||
	    port == 0x64) /* the command to read and the byte to begin are answered */
		screen.acks = (u8)(screen.acks + (value == 0x20 || value == 0xf4));
	if (port == 0x60 || port == 0x64 || line.absent || (port & 7) != 0)
		return;
	ck_assert_uint_lt(line.n[com], sizeof(line.sent[com]) - 1);
	line.sent[com][line.n[com]++] = (char)value;
	line.sent[com][line.n[com]] = 0;
}

static inline void boot(const char *options, const char *const *modules)
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
	line.terminal = 0;
	line.overrun = false;
	memset(screen.memory, 0, sizeof(screen.memory));
	screen.scans = "";
	screen.acks = 0;
	kernel.now = 1000;
	info.screen = (struct screen){
		.address = 0xb8000, .pitch = 160, .width = 80, .height = 25
	};
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
		                         core_pages,
		                         screen.memory };
	root_start(&root, &machine);
}

static inline void steps(u32 n)
{
	while (n-- > 0)
		root_step(&root);
}

static inline void vm_writes(u32 vm, u32 channel, const char *text)
{
	struct vm_console *c = (struct vm_console *)(void *)(consoles + vm * CONSOLE_STRIDE);

	for (; *text != 0; text++)
		ck_assert(ring_put(&c->out[channel], (u8)*text));
}

static inline void type(const char *text)
{
	line.typed = text;
	steps(200);
}

/* On COM1. */
static inline u32 times_seen(const char *part)
{
	u32 n = 0;

	for (const char *at = line.sent[0]; (at = strstr(at, part)) != NULL; at++)
		n++;
	return n;
}

static const char *const two[] = { "root", "monitor", "vm name=a", "vm name=b restart=2", NULL };

#endif
