/* SPDX-License-Identifier: MIT */
/* The shell's commands: rows of a table, from which help and completion are made too. */
#ifndef HV_ROOT_SHELL_H
#define HV_ROOT_SHELL_H

#include "hv/ring3/root/root.h"

enum shell_argument { SHELL_NONE, SHELL_MAYBE_VM, SHELL_VM, SHELL_VM_VCPU };

struct shell_command {
	const char *name;
	enum shell_argument argument;
	const char *text;
	void (*run)(struct root *r, struct slot *s); /* s: the VM named, or NULL */
};

extern const struct shell_command shell_commands[];
extern const u32 shell_command_count;

/* The command of this name, or NULL. */
const struct shell_command *shell_find(struct word name);

/*
 * Completes the last word being typed: a command's name if it is the first word, a VM's where the
 * command takes one. One candidate is inserted with a blank; of several their common beginning, and
 * if there is none to add, all are listed.
 */
void shell_complete(struct root *r);

#endif
