/* SPDX-License-Identifier: MIT */
/*
 * Puts a guest together: image, ACPI tables, initrd and boot information into its memory, and the
 * state that its first vCPU starts in. Pure.
 */
#ifndef HV_MONITOR_LOAD_H
#define HV_MONITOR_LOAD_H

#include "hv/abi/process.h"
#include "hv/ring3/monitor/image.h"

struct load_request {
	struct view image;
	const struct view *module; /* VM_MODULES; empty: none */
	struct guest_memory memory;
	const struct vm_config *config;
};

/*
 * On an error nothing that was written to memory matters: the VM does not start. *image is what was
 * decoded, for image_explain.
 */
MUST_USE enum image_error load_guest(const struct load_request *request, struct image *image,
                                     struct vcpu_start *start);

#endif
