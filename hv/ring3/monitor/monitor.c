/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
#include "hv/ring3/monitor/monitor.h"

#include "hv/base/string.h"
#include "hv/ring3/monitor/layout.h"
#include "hv/ring3/monitor/load.h"
#include "hv/ring3/monitor/ports.h"
#include "hv/ring3/rt/ring.h"

void monitor_init(struct monitor *m, const struct process_info *info, const u8 *counters,
                  struct vm_console *console, struct guest_memory memory, struct view image,
                  const struct view module[VM_MODULES])
{
	memset(m, 0, sizeof(*m));
	m->info = info;
	m->counters = counters;
	m->console = console;
	m->memory = memory;
	m->image = image;
	memcpy(m->module, module, sizeof(m->module));
	platform_msr_init(m);
	uart_init(m);
	ioapic_init(m);
	cmos_init(m);
	pit_init(m);
}

/* The reply's value says success unless a device has said otherwise. */
static void unclaimed(struct reply *reply)
{
	reply->stop = REPLY_UNCLAIMED;
}

/* A line on the VM's console, for the error's number has no room for addresses. */
static void explain(struct monitor *m, const struct image *image)
{
	char text[IMAGE_EXPLANATION];
	bool room = image_explain(image, text);

	for (const char *c = text; room && *c != 0; c++)
		room = ring_put(&m->console->out[CONSOLE_COM1], (u8)*c);
	if (room && ring_put(&m->console->out[CONSOLE_COM1], '\n'))
		sys_output(m->sys);
}

static void handle_start(struct monitor *m, const struct message *message)
{
	const struct load_request request = { m->image, m->module, m->memory, &m->info->config };
	struct image image;
	enum image_error error;

	(void)message;
	error = load_guest(&request, &image, &m->reply->start);
	if (error != IMAGE_OK)
		explain(m, &image);
	m->reply->action = error == IMAGE_OK ? REPLY_START : REPLY_STOP;
	m->reply->stop = error == IMAGE_OK ? END_NONE : END_IMAGE;
	m->reply->value = error;
}

static void handle_io(struct monitor *m, const struct message *message)
{
	u32 port = (u32)message->address, size = message->size;
	u32 value;
	bool claimed;

	if (message->write != 0) {
		claimed = port_write(m, port, size, (u32)message->value);
	} else {
		claimed = port_read(m, port, size, &value);
		m->reply->value = value;
	}
	if (!claimed)
		unclaimed(m->reply);
}

/* The IOAPIC takes 32-bit accesses; what is narrower reads and writes the low part. */
static void handle_mmio(struct monitor *m, const struct message *message)
{
	u64 offset = message->address - LAYOUT_IOAPIC;

	if (offset >= PAGE_SIZE) {
		m->reply->value = ~0ull;
		unclaimed(m->reply);
	} else if (message->write != 0) {
		ioapic_write(m, (u32)offset, (u32)message->value);
	} else {
		m->reply->value = ioapic_read(m, (u32)offset);
	}
}

static void handle_eoi(struct monitor *m, const struct message *message)
{
	ioapic_eoi(m, (u8)message->value);
}

static void handle_msr(struct monitor *m, const struct message *message)
{
	u32 msr = (u32)message->address;
	bool there = message->write != 0 ? platform_msr_write(m, msr, message->value)
	                                 : platform_msr_read(m, msr, &m->reply->value);

	if (!there)
		unclaimed(m->reply);
}

static void handle_signal(struct monitor *m, const struct message *message)
{
	(void)message;
	uart_signal(m);
	alarm_signal(m);
}

static void (*const handlers[])(struct monitor *, const struct message *) = {
	[MSG_START] = handle_start, [MSG_IO] = handle_io,   [MSG_MMIO] = handle_mmio,
	[MSG_MSR] = handle_msr,     [MSG_EOI] = handle_eoi, [MSG_SIGNAL] = handle_signal,
};

bool monitor_handle(struct monitor *m, const struct sys *sys, bool last)
{
	const struct message *message = &sys->page->message;

	m->sys = sys;
	m->reply = &sys->page->reply;
	m->vcpu = message->vcpu % MAX_VCPUS;
	m->now = message->now;
	m->again = false;
	m->reply->action = REPLY_RESUME;
	m->reply->stop = END_NONE;
	m->reply->value = 0;
	if (message->kind < ARRAY_SIZE(handlers) && handlers[message->kind] != NULL)
		handlers[message->kind](m, message);
	if (m->again && last)
		m->output_lost++;
	return !m->again || last;
}
