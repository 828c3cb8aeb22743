/* SPDX-License-Identifier: MIT */
/* Boot: starting the other cores (SDM 3A 9.4). */
#ifndef HV_BOOT_SMP_H
#define HV_BOOT_SMP_H

#include "hv/kernel/boot/acpi.h"
#include "hv/kernel/boot/boot_info.h"

/*
 * Starts every core that ACPI lists but this one, up to MAX_CORES in all, one after the other, and
 * holds them until smp_release. Those beyond stay as the firmware left them. A core that does not
 * answer is reported and left out.
 */
void smp_start(const struct boot_info *info, const struct acpi_info *acpi);

/* Lets the other cores go to hv_core_main; core_count() is final before. */
void smp_release(void);

#endif
