/* SPDX-License-Identifier: MIT */
/*
 * The VMs and options that grub.cfg asks for, made of the strings that the boot loader hands over.
 *
 * Pure: from struct root_info to struct config, with every mistake noted where it stands. If there
 * is one mistake, nothing is to be started. docs/abi.md describes the lines.
 */
#ifndef HV_ROOT_CONFIG_H
#define HV_ROOT_CONFIG_H

#include "hv/abi/process.h"
#include "hv/ring3/root/words.h"
#include "hv/ring3/rt/out.h"

/* console=: what becomes of a VM's COM1. */
enum vm_console_mode {
	VM_CONSOLE_OFF,
	VM_CONSOLE_LINES, /* whole lines, with the VM's name before each */
	VM_CONSOLE_RAW,   /* as it comes, input goes there: the VM has the focus from the start */
};

#define RESTARTS_UNLIMITED UINT32_MAX

struct vm_plan {
	struct vm_config config;
	enum vm_console_mode console;
	u32 restarts;                   /* how often it is made anew after it ended by itself */
	bool only_reset;                /* and only if it has asked for it */
	struct word after;              /* after=: its name; length 0: starts at once */
	const struct vm_plan *after_vm; /* starts when this one has ended; or NULL */
};

#define CONFIG_ERRORS       24u
#define CONFIG_ERROR_TEXT   160u
#define CONFIG_NO_LINE      UINT32_MAX       /* the mistake is that a line is missing */
#define CONFIG_COMMAND_LINE (UINT32_MAX - 1) /* it stands in the hypervisor's command line */
#define CONFIG_VMS          (MAX_VMS - 1)    /* VM 0 is the host side */

enum config_port { PORT_NONE, PORT_COM1, PORT_COM2 };

struct config_error {
	u32 line; /* index of the module, or one of the above */
	u32 column, length;
	char text[CONFIG_ERROR_TEXT];
};

struct config {
	u32 console; /* enum config_port: the terminal */
	u32 screen;  /* 1: the terminal is the screen, or that as well */
	u32 console_given;
	u32 telemetry; /* enum config_port: the lines for programs */
	u32 tables;    /* 0: none at the end */
	u32 batch;     /* 1: switch off when the last VM has ended */
	u32 crash;     /* ring 0's affair; checked here, as all options are */
	u32 root_module, monitor_module;
	u32 vms;
	struct vm_plan vm[CONFIG_VMS];
	u32 errors; /* all of them; the first CONFIG_ERRORS found are kept, by line */
	struct config_error error[CONFIG_ERRORS];
};

void config_parse(const struct root_info *info, struct config *config);

/* All mistakes: the line, a caret under the word, and what would be right. */
void config_print_errors(const struct config *config, const struct root_info *info,
                         struct out *out);

/* --- between the files of the parser --- */

struct config_parser {
	const struct root_info *info;
	struct config *config;
	u32 line; /* being parsed */
};

/* Notes a mistake at a word of the line at hand. */
void config_error(struct config_parser *p, struct word at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The `vm` line of module `p->line`, behind the word `vm`. */
void config_parse_vm(struct config_parser *p, struct words *words, struct word vm);

/* Parses one KEY=VALUE into the plan; returns the key's index below CONFIG_KEYS, or CONFIG_KEYS. */
#define CONFIG_KEYS 18u
u32 config_parse_key(struct config_parser *p, struct vm_plan *plan, struct word key,
                     struct word value);
const char *config_key_name(u32 key);

#endif
