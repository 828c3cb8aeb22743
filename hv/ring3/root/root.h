/* SPDX-License-Identifier: MIT */
/*
 * Root: the program that may see and do everything about VMs, and the policy that goes with it.
 *
 * One thread, one state. It makes the VMs of grub.cfg, carries their output to COM1 and COM2, obeys
 * the shell, and at the end prints tables, telemetry and the verdict. It sleeps in SYS_WAIT
 * whenever nothing is to be done. All but main.c is pure: a test supplies struct root_machine.
 */
#ifndef HV_ROOT_ROOT_H
#define HV_ROOT_ROOT_H

#include "hv/ring3/root/config.h"
#include "hv/ring3/root/console.h"
#include "hv/ring3/root/report.h"
#include "hv/ring3/root/sample.h"
#include "hv/ring3/root/telemetry.h"
#include "hv/ring3/root/terminal.h"
#include "hv/ring3/root/top.h"
#include "hv/ring3/rt/sys.h"

/* The world. */
struct root_machine {
	struct sys sys;
	struct port_ops ports;
	const struct root_info *info;
	u8 *consoles;       /* by VM id, CONSOLE_STRIDE apart */
	const u8 *counters; /* by VM id, VM_COUNTERS_STRIDE apart */
	const u8 *cores;    /* by core, a page each */
	void *screen;       /* root_info.screen's memory */
};

enum slot_state {
	SLOT_EMPTY,   /* nothing is mapped */
	SLOT_CREATED, /* made, never started */
	SLOT_RUNNING,
	SLOT_PAUSED,
	SLOT_STOPPING, /* told to stop; ROOT_EVENT_VM_END will follow */
	SLOT_ENDED,    /* its counters are still there */
	SLOT_LEAVING,  /* destroyed; ROOT_EVENT_VM_GONE will follow */
	SLOT_STATES
};

/* A VM of grub.cfg, whatever became of it. */
struct slot {
	const struct vm_plan *plan;
	enum slot_state state;
	u32 id;       /* ring 0's, when not SLOT_EMPTY */
	u32 end;      /* enum vm_end: how it ended last */
	u64 value;    /* what goes with it */
	u32 restarts; /* so far */
	bool again;   /* to be made anew when it is gone */
};

#define QUEUE_SIZE (256u << 10)
#define HELD_SIZE  (64u << 10)

struct root {
	const struct root_machine *machine;
	struct config config;
	u32 slots;
	struct slot slot[CONFIG_VMS];
	char culprit[MAX_VMS][VM_NAME_LEN]; /* the VM that had an id last */
	bool complete;                      /* no VM's counters are gone */
	u32 failures;             /* of VMs whose counters are gone, and of the configuration */
	bool finished;            /* the last words are spoken: only power-off remains */
	bool leaving;             /* the end has been ordered: VMs are being stopped for it */
	enum power_action action; /* that comes then */
	u64 leave_by;             /* TSC: at the latest */

	bool news;          /* the last wait brought an event */
	u64 next_round;     /* TSC: when VMs are looked after again, event or not */
	u64 typing_until;   /* TSC: until then more keys are likely */
	u64 next_complaint; /* TSC: about lost input */
	u64 nmis_told[MAX_CORES];

	struct console console;
	struct telemetry telemetry;
	struct top top;
	struct sampler sampler;
	u32 vcpu_given; /* at the prompt, behind a VM's name */
	u32 last_focus; /* a VM's id: where ^T leads */
	struct queue terminal_queue, lines_queue;
	struct terminal terminal;
	struct serial lines;
	struct queue held; /* the console's, while `top` has the terminal */
	char terminal_text[QUEUE_SIZE], lines_text[QUEUE_SIZE], held_text[HELD_SIZE];
};

/* Parses, creates, starts; or says what is wrong. */
void root_start(struct root *r, const struct root_machine *machine);

/* One round: moves output and input, waits, handles what came. */
void root_step(struct root *r);

/* --- vms.c: the life of VMs; results are system calls': below 0 an error --- */

/* What a system call's error means, in words. */
const char *vms_error_text(s64 error);

/* Makes them all, then starts them all; when one cannot be made, none is started. */
void vms_create_all(struct root *r);
void vms_event(struct root *r, const struct root_event *event);
MUST_USE s64 vms_pause(struct root *r, struct slot *s, bool pause);
/* One that waits for another's end will never start. */
MUST_USE s64 vms_stop(struct root *r, struct slot *s);
/* Anew, or for the first time, whatever state it is in. */
MUST_USE s64 vms_reset(struct root *r, struct slot *s);

/* --- slots.c: looking at them --- */

struct slot *slot_find(struct root *r, struct word name);
struct slot *slot_by_id(struct root *r, u32 id); /* among those that have an id */
const char *slot_name(const struct slot *s);
const char *slot_state_name(const struct slot *s); /* a word */
const char *slot_state_text(const struct slot *s); /* the same as a sentence's end: "vm a ..." */
bool slots_all_ended(const struct root *r);
bool slots_all_still(const struct root *r); /* none runs, or is about to end or to go */
/* Its console and counters are mapped. */
bool slot_is_mapped(const struct slot *s);

/* --- pump.c: bytes between VMs and serial ports --- */

void pump_init(struct root *r);
void pump_vms(struct root *r);                /* what VMs have written, as far as there is room */
void pump_vm(struct root *r, struct slot *s); /* all that an ended VM has written */
bool pump_send(struct root *r);               /* to the ports; true: there is more */
void pump_flush(struct root *r);              /* until the last character has left */
void pump_input(struct root *r);              /* from the terminal to the shell or a VM */
void pump_break(struct root *r, struct slot *s); /* a break on the VM's COM1 */
bool pump_may_draw(const struct root *r);        /* the terminal has nearly caught up */

/* --- final.c --- */

void final_view(const struct root *r, struct report *report);
void final_view_vm(const struct root *r, const struct slot *s, struct report_vm *vm);
void final_retire(struct root *r, struct slot *s); /* before a VM's counters go */
void final_tables(struct root *r, struct out *out);
void final_report(struct root *r); /* tables, telemetry, verdict */

/* The end: VMs that still run are stopped, so that what is counted holds still; then the reports.
 */
void final_order(struct root *r, enum power_action action);
bool final_is_due(const struct root *r); /* it has been ordered, and all hold still */
void final_power(struct root *r);        /* reports, and off */

/* --- shell.c --- */

void shell_key(struct root *r, u8 key);
void shell_focus(struct root *r, struct slot *s); /* NULL: back to the shell */
void shell_end_top(struct root *r);               /* if it has the terminal */

#endif
