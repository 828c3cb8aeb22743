/* SPDX-License-Identifier: MIT */
#include "hv/kernel/vm/machine.h"

#include "hv/abi/process.h"
#include "hv/base/frames.h"
#include "hv/base/memory.h"
#include "hv/base/printk.h"
#include "hv/base/string.h"
#include "hv/base/x86.h"
#include "hv/kernel/cpu/core.h"
#include "hv/kernel/cpu/crash.h"
#include "vmx/controls.h"
#include "vmx/setup.h"
#include "vmx/state.h"

static const struct vmx_source hardware = { .cpuid = cpuid_sub, .rdmsr = rdmsr };

static struct vmx_raw first_core;
static struct machine the_machine;

const struct machine *machine(void)
{
	return &the_machine;
}

bool machine_module(u32 index, struct module *out)
{
	const struct boot_module *m;

	if (index >= the_machine.boot->module_count)
		return false;
	m = &the_machine.boot->modules[index];
	*out = (struct module){ m->start, m->end.raw - m->start.raw };
	return true;
}

/* ---- boot ---- */

static void require_vtx(void)
{
	unsigned int row = 0, missing = 0;
	const char *text;

	if (vmx_caps_missing(&first_core, 0, &text) != 0)
		console_show();
	while ((row = vmx_caps_missing(&first_core, row, &text)) != 0) {
		printk("cannot run VMs: %s\n", text);
		missing++;
	}
	if (missing == 0)
		return;
	printk("Tapvisor stops here: %u thing%s missing.\n", missing, missing == 1 ? "" : "s");
	machine_end();
}

/* Controls that make a feature, and the feature's bit for root. */
static const struct {
	enum vmx_control control;
	u32 bits;
	u64 feature;
} feature_rows[] = {
	{ CONTROL_SECONDARY, SECONDARY_X2APIC_MODE, MACHINE_X2APIC_VIRTUAL },
	{ CONTROL_SECONDARY, SECONDARY_APIC_ACCESSES, MACHINE_APIC_ACCESS },
	{ CONTROL_SECONDARY, SECONDARY_APIC_REGISTERS, MACHINE_APIC_REGISTERS },
	{ CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPTS, MACHINE_VIRTUAL_INTERRUPTS },
	{ CONTROL_PRIMARY, PRIMARY_TPR_SHADOW, MACHINE_TPR_SHADOW },
	{ CONTROL_PIN, PIN_POSTED_INTERRUPTS, MACHINE_POSTED },
};

/* Bochs's firmware signs its ACPI tables. QEMU's does so too, but shows in CPUID, as every outer
 * hypervisor: so this asks for the name without one. */
static bool is_bochs(void)
{
	return the_machine.boot->rsdp_size > 15 &&
	       memcmp(&the_machine.boot->rsdp[9], "BOCHS ", 6) == 0;
}

static bool is_nested(void)
{
	return (cpuid(1).ecx & BIT32(31)) != 0;
}

static void find_features(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(feature_rows); i++)
		if (vmx_caps_offers(&the_machine.caps, feature_rows[i].control,
		                    feature_rows[i].bits))
			the_machine.features |= feature_rows[i].feature;
	if ((the_machine.caps.tertiary_allowed & TERTIARY_IPI_VIRTUALIZATION) != 0)
		the_machine.features |= MACHINE_IPIV;
	if (is_nested())
		the_machine.features |= MACHINE_NESTED;
	else if (is_bochs())
		the_machine.features |= MACHINE_EMULATED;
}

void machine_init(const struct boot_info *info)
{
	the_machine.boot = info;
	vmx_caps_read(&first_core, &hardware);
	require_vtx();
	vmx_caps_build(&the_machine.caps, &first_core);
	find_features();
	the_machine.io_bitmaps = frames_alloc(2, 1);
	if (the_machine.io_bitmaps.raw == 0)
		panic("no memory for the I/O bitmaps");
	memset(hpa_to_ptr(the_machine.io_bitmaps), 0xff, 2 * PAGE_SIZE);
}

void machine_start_core(void)
{
	struct vmx_raw mine;
	const char *difference, *missing;
	hpa_t region = frame_alloc();

	vmx_caps_read(&mine, &hardware);
	if (vmx_caps_missing(&mine, 0, &missing) != 0)
		panic("core %u: %s", this_core()->index, missing);
	difference = vmx_caps_difference(&first_core, &mine);
	if (difference != NULL)
		panic("core %u differs from core 0 in %s: all cores must offer the same VT-x",
		      this_core()->index, difference);
	(void)vmx_xcr0_allowed();
	if (region.raw == 0 || !vmx_core_start(&the_machine.caps, &mine, region))
		panic("VMXON failed on core %u", this_core()->index);
}
