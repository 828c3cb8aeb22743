/* SPDX-License-Identifier: MIT */
#ifndef HV_POWER_H
#define HV_POWER_H

#include "hv/base/types.h"

/* Ends the run in an emulator, or resets the machine by the keyboard controller and port 0xcf9;
 * what cannot be switched off halts. Root's core. */
NORETURN void power(bool reboot);

#endif
