/* SPDX-License-Identifier: MIT */
/*
 * The end: a report a person can use, on the serial console, with every other core stopped by NMI.
 *
 * Then the machine halts; with `crash=poweroff` on the command line it is ended instead (for
 * emulators). Callable anywhere in ring 0, on any stack, under any lock.
 */
#ifndef HV_CPU_CRASH_H
#define HV_CPU_CRASH_H

#include "hv/base/panic.h"
#include "hv/base/types.h"

struct core;
struct user_regs;

/* From the stubs: an exception in ring 0. kernel_stack and reserved of regs are not there. */
NORETURN void crash_exception(const struct user_regs *regs);

/*
 * An NMI came, by the IDT or as a VM exit. Does not return when another core has crashed.
 * VMX's exit handler calls this on an NMI exit.
 */
void crash_nmi(void);

/* Boot: where the loader put the kernel's symbols; without it addresses are printed bare. */
struct boot_info;
void crash_set_symbols(const struct boot_info *info);

/* Supplied by the layer above: prints that core's last exits by printk. */
void crash_extra(struct core *core);

/* Ends the run in an emulator (Bochs port 0x8900, QEMU isa-debug-exit not used); halts elsewhere.
 */
NORETURN void machine_end(void);

/* By port 0xcf9, then the keyboard controller; halts where neither works. */
NORETURN void machine_reset(void);

/* Set from the command line: end the machine after a crash report. */
void crash_set_poweroff(bool on);

#endif
