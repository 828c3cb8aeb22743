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

#include "hv/abi/message.h"
#include "hv/ring3/monitor/image.h"
#include "hv/ring3/monitor/writer.h"

#define BOOTINFO_SIZE       4096u
#define BOOTINFO_LINUX_SIZE (5u * 4096)
#define LOADER_NAME         "Tapvisor"

struct boot_facts {
	const char *name, *args;
	struct view image;       /* the file */
	u64 memory;              /* bytes from gpa 0 */
	u64 initrd, initrd_size; /* 0, 0: none */
	u64 rsdp;                /* gpa */
	const u8 *rsdp_bytes;    /* its 36 bytes */
};

/* Writes the information and sets the registers that point to it. w->full: it did not fit. */
typedef void bootinfo_write(struct writer *w, const struct boot_facts *facts,
                            struct vcpu_start *start);

bootinfo_write bootinfo_multiboot1;
bootinfo_write bootinfo_multiboot2;
bootinfo_write bootinfo_pvh;
bootinfo_write bootinfo_linux;

#endif
