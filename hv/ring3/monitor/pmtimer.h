/* SPDX-License-Identifier: MIT */
/* ACPI's PM timer (ACPI 6.4, section 4.8.3.3): 24 bits at 3.579545 MHz, made of the host's TSC. */
#ifndef HV_MONITOR_PMTIMER_H
#define HV_MONITOR_PMTIMER_H

#include "hv/base/types.h"

#define PMTIMER_HZ   3579545u
#define PMTIMER_MASK 0xffffffu

struct monitor;

/* Port function, see ports.h. */
u32 pmtimer_read(struct monitor *m, u32 unit, u32 offset);

#endif
