/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * Bytes between the VMs' consoles and the machine's serial ports. A VM's output is fetched only
 * while the queue behind it has room for what may become of it; its monitor then holds it back.
 */
#include "hv/ring3/root/root.h"

#include "hv/ring3/rt/ring.h"

#define CHUNK  256u
#define ROUNDS 16u /* before other things get their turn */

/*
 * Where a person types, what VMs have written waits in front of root, not in its queue: an echo and
 * an order are then late by what stands in the queue, a twentieth of a second, and no more. Half a
 * kilobyte lasts from one round to the next. A byte can become a whole line, hence the small chunk.
 */
#define CHUNK_TYPED 64u
#define QUEUE_TYPED 512u

/* A telemetry line all of whose bytes are escaped, and then some. */
#define QUEUE_RESERVE (8 * TELEMETRY_LINE)

static u64 burst_ticks(const struct root *r)
{
	return r->machine->info->process.tsc_hz / SERIAL_BURSTS_PER_SECOND + 1;
}

/* The writer waits: the queue empties at the speed of the line. */
static void wait_for_line(struct root *r, const struct queue *q, u32 before)
{
	if (queue_used(q) == before)
		sys_sleep(&r->machine->sys, burst_ticks(r));
}

static void terminal_make_room(struct queue *q)
{
	struct root *r = container_of(q, struct root, terminal_queue);
	u32 before = queue_used(q);

	(void)terminal_send(&r->terminal, q);
	wait_for_line(r, q, before);
}

static void lines_make_room(struct queue *q)
{
	struct root *r = container_of(q, struct root, lines_queue);
	u32 before = queue_used(q);

	(void)serial_send(&r->lines, q);
	wait_for_line(r, q, before);
}

static u16 port_of(u32 which)
{
	return which == PORT_COM1 ? SERIAL_COM1 : which == PORT_COM2 ? SERIAL_COM2 : 0;
}

/* Where nothing is said, and there is no serial port, the screen is the terminal. */
static void open_terminal(struct root *r)
{
	const struct root_machine *m = r->machine;

	terminal_init(&r->terminal, &m->sys, m->info->process.tsc_hz, &m->ports,
	              port_of(r->config.console));
	r->config.screen |= !r->config.console_given && !r->terminal.serial.present;
	if (r->config.screen != 0)
		terminal_add_screen(&r->terminal, &m->ports, &m->info->screen, m->screen);
}

void pump_init(struct root *r)
{
	queue_init(&r->terminal_queue, r->terminal_text, QUEUE_SIZE, terminal_make_room);
	queue_init(&r->lines_queue, r->lines_text, QUEUE_SIZE, lines_make_room);
	queue_init(&r->held, r->held_text, HELD_SIZE, NULL);
	open_terminal(r);
	r->lines = (struct serial){ 0 };
	if (r->config.telemetry != PORT_NONE)
		serial_init(&r->lines, &r->machine->ports, port_of(r->config.telemetry));
}

static struct vm_console *console_of(struct root *r, const struct slot *s)
{
	return (struct vm_console *)(void *)(r->machine->consoles + s->id * CONSOLE_STRIDE);
}

static void pass_on(struct root *r, struct slot *s, u32 channel, const u8 *bytes, u32 n)
{
	if (channel == CONSOLE_COM2)
		telemetry_vm(&r->telemetry, s->id, slot_name(s), bytes, n);
	else if (s->plan->console != VM_CONSOLE_OFF)
		console_vm(&r->console, s->id, slot_name(s), bytes, n);
}

bool pump_may_draw(const struct root *r)
{
	return queue_used(&r->terminal_queue) < QUEUE_TYPED;
}

/* May more of a VM's output be fetched? */
static bool has_room(const struct root *r, u32 channel)
{
	if (channel == CONSOLE_COM2)
		return queue_room(&r->lines_queue) >= QUEUE_RESERVE;
	if (!r->console.interactive)
		return queue_room(&r->terminal_queue) >= QUEUE_RESERVE;
	if (r->console.hold)
		return queue_room(&r->held) >= QUEUE_RESERVE;
	return queue_used(&r->held) == 0 && pump_may_draw(r);
}

/* False: nothing there, or no room for it. */
static bool fetch(struct root *r, struct slot *s, u32 channel)
{
	struct byte_ring *ring = &console_of(r, s)->out[channel];
	u8 bytes[CHUNK];
	bool stalled;
	u32 n;

	if (ring_used(ring) == 0 || !has_room(r, channel))
		return false;
	n = ring_get(ring, bytes, r->console.interactive ? CHUNK_TYPED : CHUNK, &stalled);
	pass_on(r, s, channel, bytes, n);
	if (stalled)
		sys_vm_signal(&r->machine->sys, s->id);
	return n > 0;
}

/* What was held back comes first. */
static void release(struct root *r)
{
	while (!r->console.hold && queue_used(&r->held) > 0 && pump_may_draw(r))
		console_release(&r->console);
}

/* One chunk from each in turn, so that no VM keeps the others' lines back. */
void pump_vms(struct root *r)
{
	bool more = true;

	release(r);
	for (u32 round = 0; more && round < ROUNDS; round++) {
		more = false;
		for (u32 i = 0; i < r->slots; i++)
			for (u32 channel = 0; channel < CONSOLE_CHANNELS; channel++)
				if (slot_is_mapped(&r->slot[i]))
					more |= fetch(r, &r->slot[i], channel);
		if (pump_send(r) && !r->console.interactive)
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

			pass_on(r, s, channel, bytes,
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
	return r->config.batch && !r->finished && queue_used(&r->lines_queue) < QUEUE_SIZE / 2;
}

bool pump_send(struct root *r)
{
	bool terminal = terminal_send(&r->terminal, &r->terminal_queue);
	bool lines = !telemetry_can_wait(r) && serial_send(&r->lines, &r->lines_queue);

	return terminal || lines;
}

void pump_flush(struct root *r)
{
	r->finished = true;
	while (pump_send(r) || !terminal_idle(&r->terminal) || !serial_idle(&r->lines))
		sys_sleep(&r->machine->sys, burst_ticks(r));
}

/* A full ring loses the byte, as a terminal's would. */
static void send_to_vm(struct root *r, struct slot *s, u8 byte)
{
	if (ring_put(&console_of(r, s)->in[CONSOLE_COM1], byte))
		sys_vm_signal(&r->machine->sys, s->id);
}

void pump_break(struct root *r, struct slot *s)
{
	struct vm_console *console = console_of(r, s);

	atomic_store_relaxed(&console->breaks, console->breaks + 1);
	sys_vm_signal(&r->machine->sys, s->id);
}

/* A break on the terminal's line, which comes with a character of its own, goes to who has it. */
static bool take_break(struct root *r, u8 key)
{
	struct slot *s = slot_by_id(r, r->console.focus);

	if (!r->terminal.serial.broken || key != 0)
		return false;
	r->terminal.serial.broken = false;
	if (s != NULL && slot_is_mapped(s))
		pump_break(r, s);
	return true;
}

#define KEY_SWITCH 0x14u /* ^T */
#define KEYS_MAX   64u   /* in one round */

static void take_key(struct root *r, u8 key)
{
	struct slot *s = slot_by_id(r, r->console.focus);

	if (s == NULL) {
		shell_key(r, key);
	} else if (key == KEY_SWITCH) {
		r->console.interactive = true; /* in batch mode: so there is somebody */
		shell_focus(r, NULL);
	} else if (slot_is_mapped(s)) {
		send_to_vm(r, s, key);
	}
}

/* Once a second at most: it takes room on the line, too. */
static void complain(struct root *r, u64 now)
{
	if (!r->terminal.serial.overrun || now < r->next_complaint)
		return;
	r->terminal.serial.overrun = false;
	r->next_complaint = now + r->machine->info->process.tsc_hz;
	console_say(&r->console, "input was lost: it came faster than it could be read");
}

void pump_input(struct root *r)
{
	u64 now = r->machine->sys.now();
	u8 key;

	for (u32 i = 0; i < KEYS_MAX && terminal_receive(&r->terminal, &key); i++) {
		r->typing_until = now + r->machine->info->process.tsc_hz;
		r->console.torn |= r->terminal.serial.overrun;
		r->console.typed = true;
		if (!take_break(r, key))
			take_key(r, key);
	}
	complain(r, now);
}
