/* SPDX-License-Identifier: MIT */
#include "hv/power.h"

#include "hv/base/printk.h"
#include "hv/base/x86.h"
#include "hv/cpu/crash.h"

#define RESET_PORT       0xcf9u
#define RESET_FULL       0x06u
#define KEYBOARD_COMMAND 0x64u
#define KEYBOARD_RESET   0xfeu

NORETURN void power(bool reboot)
{
	console_drain();
	if (reboot) {
		out8(RESET_PORT, RESET_FULL);
		out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	}
	machine_end();
}
