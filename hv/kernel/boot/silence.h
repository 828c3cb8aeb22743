/* SPDX-License-Identifier: MIT */
/*
 * Boot: what the firmware or the boot loader left running is stopped, as far as it could interrupt
 * a core or write to memory by itself. First core, once, on the kernel's own page tables.
 */
#ifndef HV_BOOT_SILENCE_H
#define HV_BOOT_SILENCE_H

#include "hv/kernel/boot/acpi.h"

/*
 * The legacy interrupt controllers are moved off the exceptions' vectors and masked, so is each pin
 * of the IOAPICs, and no PCI function of the first segment is a bus master any more:
 * it cannot send an MSI then, nor write elsewhere.
 */
void silence_devices(const struct acpi_info *acpi);

#endif
