/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/*
 * The life of a VM as root sees it:
 *
 *   EMPTY -create-> CREATED -start-> RUNNING <-pause, resume-> PAUSED
 *   RUNNING, PAUSED -stop-> STOPPING;  RUNNING, PAUSED, STOPPING -ROOT_EVENT_VM_END-> ENDED
 *   ENDED, CREATED -stop or reset-> LEAVING -ROOT_EVENT_VM_GONE-> EMPTY -if again-> CREATED ...
 *
 * A VM with after= stays CREATED until the other has ended for good. One that has ended keeps its
 * memory and counters until it is made anew, for the final tables.
 */
#include "hv/ring3/root/root.h"

#include "hv/abi/names.h"
#include "hv/base/string.h"
#include "hv/ring3/root/dump.h"
#include "hv/ring3/root/json.h"
#include "hv/ring3/root/text.h"

static const struct sys *sys_of(struct root *r)
{
	return &r->machine->sys;
}

/* --- to life --- */

const char *vms_error_text(s64 error)
{
	static const char *const texts[] = {
		[-SYS_EPERM] = "root has no right to it",
		[-SYS_ENOSYS] = "there is no such call",
		[-SYS_EINVAL] = "a value is out of range",
		[-SYS_ENOMEM] = "there is not enough memory",
		[-SYS_EBUSY] = "there are too many VMs",
		[-SYS_ENOENT] = "a module is missing",
		[-SYS_EMODULE] = "the monitor's ELF file is not acceptable",
		[-SYS_ENOTSUP] = "it asks for a feature that this machine does not offer",
	};
	u64 i = (u64)-error;

	return i < ARRAY_SIZE(texts) && texts[i] != NULL ? texts[i] : "unknown error";
}

static s64 create(struct root *r, struct slot *s)
{
	const struct vm_config *config = &s->plan->config;
	s64 id;

	*sys_config(sys_of(r)) = *config;
	id = sys_vm_create(sys_of(r));
	if (id <= 0 || id >= MAX_VMS) {
		console_say(&r->console, "vm %s cannot be made: %s", config->name,
		            vms_error_text(id));
		return id < 0 ? id : SYS_EINVAL;
	}
	s->state = SLOT_CREATED;
	s->id = (u32)id;
	s->end = END_NONE;
	memcpy(r->culprit[id], config->name, VM_NAME_LEN);
	return 0;
}

/* Whoever is typing, or looks at `top`, is not to be put out by a VM that wants the terminal. */
static bool is_in_use(const struct root *r)
{
	return r->console.focus != NO_FOCUS || r->top.active || r->console.edit.length > 0;
}

static s64 start(struct root *r, struct slot *s)
{
	s64 error = sys_vm_start(sys_of(r), s->id);

	if (error < 0) {
		console_say(&r->console, "vm %s cannot be started: %s", slot_name(s),
		            vms_error_text(error));
		return error;
	}
	s->state = SLOT_RUNNING;
	if (s->plan->console == VM_CONSOLE_RAW && !is_in_use(r))
		shell_focus(r, s);
	return 0;
}

/* All that wait for a VM; NULL: all that wait for none. */
static void start_those_after(struct root *r, const struct vm_plan *plan)
{
	for (u32 i = 0; i < r->slots && !r->leaving; i++) {
		struct slot *s = &r->slot[i];

		if (s->state == SLOT_CREATED && s->plan->after_vm == plan)
			r->failures += start(r, s) != 0 ? 1 : 0;
	}
}

static s64 destroy(struct root *r, struct slot *s)
{
	s64 error = sys_vm_destroy(sys_of(r), s->id);

	if (error == 0)
		s->state = SLOT_LEAVING;
	return error;
}

void vms_create_all(struct root *r)
{
	u32 failed = 0;

	for (u32 i = 0; i < r->slots; i++)
		failed += create(r, &r->slot[i]) != 0 ? 1 : 0;
	if (failed > 0) {
		r->failures += failed;
		console_say(&r->console, "no VM is started");
		for (u32 i = 0; i < r->slots; i++)
			if (r->slot[i].state == SLOT_CREATED)
				(void)!destroy(r, &r->slot[i]);
		return;
	}
	start_those_after(r, NULL);
}

/* --- orders --- */

s64 vms_pause(struct root *r, struct slot *s, bool pause)
{
	s64 error;

	if (s->state != (pause ? SLOT_RUNNING : SLOT_PAUSED))
		return SYS_EBUSY;
	error = sys_vm_pause(sys_of(r), s->id, pause);
	if (error == 0)
		s->state = pause ? SLOT_PAUSED : SLOT_RUNNING;
	return error;
}

s64 vms_stop(struct root *r, struct slot *s)
{
	s64 error;

	if (s->state == SLOT_CREATED)
		return destroy(r, s);
	if (s->state != SLOT_RUNNING && s->state != SLOT_PAUSED)
		return SYS_EBUSY;
	error = sys_vm_stop(sys_of(r), s->id);
	if (error == 0)
		s->state = SLOT_STOPPING;
	return error;
}

/* An ended VM goes; it comes back when it is gone. */
static s64 renew(struct root *r, struct slot *s)
{
	final_retire(r, s);
	s->again = true;
	return destroy(r, s);
}

s64 vms_reset(struct root *r, struct slot *s)
{
	s64 error;

	switch (s->state) {
	case SLOT_EMPTY:
		error = create(r, s);
		return error == 0 ? start(r, s) : error;
	case SLOT_CREATED:
		return start(r, s);
	case SLOT_RUNNING:
	case SLOT_PAUSED:
		error = vms_stop(r, s);
		s->again = error == 0;
		return error;
	case SLOT_ENDED:
		return renew(r, s);
	default:
		return SYS_EBUSY;
	}
}

/* --- events --- */

/* What it asked for in vain may be why it did not end well. */
static void tell_refused(struct root *r, const struct slot *s)
{
	struct report_vm vm;

	final_view_vm(r, s, &vm);
	if (s->end != END_POWER_OFF && (s->end != END_DEBUG_EXIT || s->value != 0))
		report_refused(&vm, &r->console.out);
}

static void tell_end(struct root *r, struct slot *s, const struct root_event *event)
{
	struct out *line = &r->lines_queue.out;
	struct text_fold fold;
	struct out *out = &fold.out;

	text_fold_init(&fold, &r->console.out);
	console_begin(&r->console);
	out_print(out, "tapvisor: vm %s %s", slot_name(s), vm_end_text(s->end));
	dump_value(s->end, s->value, out);
	out_text(out, "\n");
	if (dump_is_due(s->end))
		dump_print(event, out);
	tell_refused(r, s);
	console_end(&r->console);

	json_begin(line, "vm-end");
	json_text(line, "vm", slot_name(s));
	json_text(line, "reason", vm_end_name(s->end));
	json_number(line, "value", s->value);
	json_number(line, "vcpu", event->vcpu);
	json_end(line);
}

static bool is_restart_due(const struct root *r, const struct slot *s)
{
	if (r->leaving)
		return false;
	if (s->again)
		return true;
	if (s->plan->only_reset && s->end != END_RESET)
		return false;
	return s->end != END_STOPPED && s->end != END_IMAGE && s->restarts < s->plan->restarts;
}

static void handle_end(struct root *r, struct slot *s, const struct root_event *event)
{
	s->state = SLOT_ENDED;
	s->end = event->stop;
	s->value = event->value;
	pump_vm(r, s);
	console_flush_vm(&r->console, s->id, slot_name(s));
	telemetry_flush_vm(&r->telemetry, s->id, slot_name(s));
	if (r->console.focus == s->id)
		shell_focus(r, NULL);
	tell_end(r, s, event);
	if (is_restart_due(r, s)) {
		s->restarts++;
		if (renew(r, s) == 0)
			return;
		r->failures++;
	}
	start_those_after(r, s->plan);
}

static void handle_gone(struct root *r, struct slot *s)
{
	bool again = s->again && !r->leaving;

	s->state = SLOT_EMPTY;
	s->again = false;
	if (!again) {
		start_those_after(r, s->plan);
		return;
	}
	if (create(r, s) != 0 || start(r, s) != 0) {
		r->failures++;
		start_those_after(r, s->plan);
	}
}

/* Events were lost: whoever has ended without root's knowledge is found by asking. */
static void resync(struct root *r)
{
	for (u32 i = 0; i < r->slots; i++) {
		struct slot *s = &r->slot[i];
		struct root_event event = { .kind = ROOT_EVENT_VM_END,
			                    .vm = s->id,
			                    .stop = VM_ENDS };
		u64 state = sys_query(sys_of(r), QUERY_VM_STATE, s->id);

		if (slot_is_mapped(s) && s->state != SLOT_ENDED && state == VM_ENDED)
			handle_end(r, s, &event);
		else if (s->state == SLOT_LEAVING && state == VM_NONE)
			handle_gone(r, s);
	}
}

void vms_event(struct root *r, const struct root_event *event)
{
	struct slot *s = slot_by_id(r, event->vm);

	if (event->kind == ROOT_EVENT_VM_END && s != NULL && slot_is_mapped(s) &&
	    s->state != SLOT_ENDED)
		handle_end(r, s, event);
	else if (event->kind == ROOT_EVENT_VM_GONE && s != NULL && s->state == SLOT_LEAVING)
		handle_gone(r, s);
	else if (event->kind == ROOT_EVENT_SAMPLE)
		sample_event(r, event);
	else if (event->kind == ROOT_EVENT_SYSCALL_DENIED)
		console_say(&r->console, "the monitor of vm %s made system call %llu: refused",
		            s != NULL ? slot_name(s) : "host", (unsigned long long)event->value);
	if (event->lost > 0) {
		console_say(&r->console, "%llu events were lost", (unsigned long long)event->lost);
		resync(r);
	}
}
