/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Bytes between the VMs' consoles and the machine's serial ports. A VM's output is fetched only
 * while the queue behind it has room for what may become of it; its monitor then holds it back.
 */
#include "hv/root/root.h"

#include "hv/rt/ring.h"

#define CHUNK  256u
#define ROUNDS 16u /* before other things get their turn */
/* A telemetry line all of whose bytes are escaped, and then some. */
#define QUEUE_RESERVE (8 * TELEMETRY_LINE)

static u64 burst_ticks(const struct root *r)
{
	return r->machine->info->process.tsc_hz / SERIAL_BURSTS_PER_SECOND + 1;
}

/* The writer waits: the queue empties at the speed of the line. */
static void wait_for_line(struct root *r, struct serial *port, struct queue *q)
{
	u32 before = queue_used(q);

	(void)serial_send(port, q);
	if (queue_used(q) == before)
		sys_sleep(&r->machine->sys, burst_ticks(r));
}

static void com1_make_room(struct queue *q)
{
	struct root *r = container_of(q, struct root, com1_queue);

	wait_for_line(r, &r->com1, q);
}

static void com2_make_room(struct queue *q)
{
	struct root *r = container_of(q, struct root, com2_queue);

	wait_for_line(r, &r->com2, q);
}

void pump_init(struct root *r)
{
	queue_init(&r->com1_queue, r->com1_text, QUEUE_SIZE, com1_make_room);
	queue_init(&r->com2_queue, r->com2_text, QUEUE_SIZE, com2_make_room);
	r->com1 = (struct serial){ 0 };
	r->com2 = (struct serial){ 0 };
	if (r->config.console)
		serial_init(&r->com1, &r->machine->ports, SERIAL_COM1);
	if (r->config.telemetry)
		serial_init(&r->com2, &r->machine->ports, SERIAL_COM2);
}

static struct vm_console *console_of(struct root *r, const struct slot *s)
{
	return (struct vm_console *)(void *)(r->machine->consoles + s->id * CONSOLE_STRIDE);
}

static void deliver(struct root *r, struct slot *s, u32 channel, const u8 *bytes, u32 n)
{
	if (channel == CONSOLE_COM2)
		telemetry_vm(&r->telemetry, s->id, slot_name(s), bytes, n);
	else if (s->plan->console != VM_CONSOLE_OFF)
		console_vm(&r->console, s->id, slot_name(s), bytes, n);
}

/* False: nothing there, or no room for it. */
static bool fetch(struct root *r, struct slot *s, u32 channel)
{
	const struct queue *q = channel == CONSOLE_COM2 ? &r->com2_queue : &r->com1_queue;
	struct byte_ring *ring = &console_of(r, s)->out[channel];
	u8 bytes[CHUNK];
	bool stalled;
	u32 n;

	if (ring_used(ring) == 0 || queue_room(q) < QUEUE_RESERVE)
		return false;
	n = ring_get(ring, bytes, CHUNK, &stalled);
	deliver(r, s, channel, bytes, n);
	if (stalled)
		sys_vm_signal(&r->machine->sys, s->id);
	return n > 0;
}

/* One chunk from each in turn, so that no VM keeps the others' lines back. */
void pump_vms(struct root *r)
{
	bool more = true;

	for (u32 round = 0; more && round < ROUNDS; round++) {
		more = false;
		for (u32 i = 0; i < r->slots; i++)
			for (u32 channel = 0; channel < CONSOLE_CHANNELS; channel++)
				if (slot_is_mapped(&r->slot[i]))
					more |= fetch(r, &r->slot[i], channel);
		if (pump_send(r))
			return; /* the line is busy: what is left can wait, and so can VMs */
	}
}

/* The VM writes no more, so this ends: a ring holds BYTE_RING_SIZE. */
void pump_vm(struct root *r, struct slot *s)
{
	for (u32 channel = 0; channel < CONSOLE_CHANNELS; channel++) {
		for (u32 got = 0; got < BYTE_RING_SIZE; got += CHUNK) {
			u8 bytes[CHUNK];
			bool stalled;

			deliver(r, s, channel, bytes,
			        ring_get(&console_of(r, s)->out[channel], bytes, CHUNK, &stalled));
		}
	}
}

/*
 * In batch mode nobody reads telemetry before the end: it waits while VMs run, as long as there is
 * room, so that the sending takes no time from them.
 */
static bool telemetry_can_wait(const struct root *r)
{
	return r->config.batch && !r->finished && queue_used(&r->com2_queue) < QUEUE_SIZE / 2;
}

bool pump_send(struct root *r)
{
	bool com1 = serial_send(&r->com1, &r->com1_queue);
	bool com2 = !telemetry_can_wait(r) && serial_send(&r->com2, &r->com2_queue);

	return com1 || com2;
}

void pump_flush(struct root *r)
{
	r->finished = true;
	while (pump_send(r) || !serial_idle(&r->com1) || !serial_idle(&r->com2))
		sys_sleep(&r->machine->sys, burst_ticks(r));
}

/* A full ring loses the byte, as a terminal's would. */
static void send_to_vm(struct root *r, struct slot *s, u8 byte)
{
	if (ring_put(&console_of(r, s)->in[CONSOLE_COM1], byte))
		sys_vm_signal(&r->machine->sys, s->id);
}

#define KEY_SWITCH 0x14u /* ^T */
#define KEYS_MAX   64u   /* in one round */

void pump_input(struct root *r)
{
	u8 key;

	for (u32 i = 0; i < KEYS_MAX && serial_receive(&r->com1, &key); i++) {
		struct slot *s = slot_by_id(r, r->console.focus);

		if (s == NULL)
			shell_key(r, key);
		else if (key == KEY_SWITCH)
			shell_focus(r, NULL);
		else if (slot_is_mapped(s))
			send_to_vm(r, s, key);
	}
}
