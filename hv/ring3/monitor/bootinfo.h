/* SPDX-License-Identifier: MIT */
/*
 * What an image finds out about its machine when it starts: one writer for each protocol.
 *
 * All that is said fits into one page of guest memory (BOOTINFO_SIZE), or into five for Linux's own
 * protocol, with the page tables it is started on. The command line is the VM's
 * args; Multiboot 1 images get "/NAME " before it, since `qemu -kernel`, for which they are made,
 * puts the image's path there and many of them skip the first word.
 */
#ifndef HV_MONITOR_BOOTINFO_H
#define HV_MONITOR_BOOTINFO_H

#include "hv/abi/limits.h"
#include "hv/abi/message.h"
#include "hv/ring3/monitor/image.h"
#include "hv/ring3/monitor/writer.h"

#define BOOTINFO_SIZE       4096u
#define BOOTINFO_LINUX_SIZE (5u * 4096)
#define LOADER_NAME         "Tapvisor"

struct boot_module {
	u64 gpa, size;
	const char *name, *args; /* their string is "NAME ARGS", or the name alone */
};

struct boot_facts {
	const char *name, *args;
	struct view image; /* the file */
	u64 memory;        /* bytes from gpa 0 */
	u32 modules;
	struct boot_module module[VM_MODULES]; /* an initrd is the first */
	u64 rsdp;                              /* gpa */
	const u8 *rsdp_bytes;                  /* its 36 bytes */
};

/* The string of a module. */
static inline u64 bootinfo_put_string(struct writer *w, const struct boot_module *module)
{
	u64 gpa = writer_put(w, module->name, strlen(module->name), 1);

	if (module->args[0] != 0)
		(void)writer_put(w, " ", 1, 1);
	(void)writer_put(w, module->args, strlen(module->args) + 1, 1);
	return gpa;
}

/* Writes the information and sets the registers that point to it. w->full: it did not fit. */
typedef void bootinfo_write(struct writer *w, const struct boot_facts *facts,
                            struct vcpu_start *start);

bootinfo_write bootinfo_multiboot1;
bootinfo_write bootinfo_multiboot2;
bootinfo_write bootinfo_pvh;
bootinfo_write bootinfo_linux;

#endif
