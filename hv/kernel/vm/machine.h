/* SPDX-License-Identifier: MIT */
/*
 * What is the same for all VMs: the processors' VT-x, the I/O bitmaps, the boot modules. Made by
 * the first core at boot, constant from then on.
 */
#ifndef HV_VM_MACHINE_H
#define HV_VM_MACHINE_H

#include "hv/base/types.h"
#include "hv/kernel/boot/boot_info.h"
#include "hv/kernel/vm/process.h"
#include "vmx/caps.h"

struct machine {
	struct vmx_caps caps;
	const struct boot_info *boot;
	hpa_t io_bitmaps; /* two frames in a row */
	u64 features;     /* MACHINE_* bits for root */
};

const struct machine *machine(void);

/* Module `index`; false: no such module. */
MUST_USE bool machine_module(u32 index, struct module *out);

/*
 * Boot, first core: reads this core's VT-x and prepares the rest. Names each thing that is missing
 * and stops the machine when something is.
 */
void machine_init(const struct boot_info *info);

/* Boot, every core, after machine_init: compares it with the first one, and starts VMX on it. */
void machine_start_core(void);

#endif
