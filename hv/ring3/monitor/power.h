/* SPDX-License-Identifier: MIT */
/* The ways in which a guest ends its machine or starts it anew: port functions, see ports.h. */
#ifndef HV_MONITOR_POWER_H
#define HV_MONITOR_POWER_H

#include "hv/base/types.h"

struct monitor;

/* QEMU's isa-debug-exit: the value written ends the VM, 0 says success. */
void debug_exit_write(struct monitor *m, u32 unit, u32 offset, u32 value);

/* Keyboard controller: command 0xfe pulses the reset line. */
void keyboard_command_write(struct monitor *m, u32 unit, u32 offset, u32 value);

/* System control port A: bit 0 resets, bit 1 (A20) is always on. */
u32 port_a_read(struct monitor *m, u32 unit, u32 offset);
void port_a_write(struct monitor *m, u32 unit, u32 offset, u32 value);

/* Reset control register 0xcf9, which is the FADT's reset register too: bit 2 resets. */
u32 reset_control_read(struct monitor *m, u32 unit, u32 offset);
void reset_control_write(struct monitor *m, u32 unit, u32 offset, u32 value);

/* ACPI's sleep control register of a hardware-reduced machine: S5 switches off. */
void sleep_control_write(struct monitor *m, u32 unit, u32 offset, u32 value);

/* PM1a control where QEMU's machines have it: SLP_EN switches off. */
void pm1_control_write(struct monitor *m, u32 unit, u32 offset, u32 value);

#endif
