#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From the boot loader to the microkernel: numbers of cores, quanta, processors, firmware.

No module is loaded, so each of these boots ends in the panic that says so, or in the one that says
that there is no VT-x; on the way there every step of boot has printed its line.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import bochs, machine, start, tap  # noqa: E402

BODY = ["multiboot2 /boot/tapvisor console=com1 crash=poweroff"]


def boot(what, cores, mode, then, **config):
    run = start(BODY, None, **config)
    tap.is_(run.ended, "shutdown", f"{what}: ends by itself", run.explain())
    tap.like(run.console, r"^memory: \d+ MiB free, 0 modules$", f"{what}: memory", run.console)
    tap.like(run.console, r"^clock: \d+ kHz, ", f"{what}: clock")
    tap.like(run.console, rf"^cores: {cores}, {mode}$", f"{what}: {cores} cores, {mode}",
             run.console)
    tap.like(run.console, f"^{then}",
             f"{what}: reaches the microkernel", run.console)
    tap.unlike(run.console, "does not answer|got lost|ticks off|outside|local APIC error",
               f"{what}: without a complaint")
    return run


NO_ROOT = "PANIC on core 0 .*no module is called root"
NO_VTX = "cannot run VMs: no VT-x: "
for cpus, quantum, grub in ((1, 5, True), (2, 1, False), (4, 5, True), (8, 1, False),
                            (8, 16, False)):
    if bochs.no_turns(quantum):
        tap.skip(f"Bochs, {cpus} cores, quantum {quantum}", bochs.no_turns(quantum))
        continue
    boot(f"Bochs, {cpus} cores, quantum {quantum}", cpus, "x2APIC", NO_ROOT, cpus=cpus,
         quantum=quantum, grub=grub, seconds=30)

boot("Bochs, a processor without x2APIC and EPT", 2, "xAPIC", "cannot run VMs: no EPT", cpus=2,
           model="core2_penryn_t9600", seconds=30)

run = start(BODY, None, cpus=1, model="p4_willamette", seconds=6)
tap.like(run.console, "^Tapvisor needs a 64-bit processor", "a 32-bit processor is told so",
         run.explain())

QEMU_MODE = "x2?APIC"  # which one is for QEMU to say: its own emulation of late has x2APIC too
boot("QEMU, BIOS", 4, QEMU_MODE, NO_VTX, emulator="qemu", cpus=4, seconds=30)
boot("QEMU, UEFI", 2, QEMU_MODE, NO_VTX, emulator="qemu", uefi=True, cpus=2, seconds=60)

machine.check = lambda *_: None  # more CPUs than the runners care for
run = boot("QEMU, 70 cores", 64, QEMU_MODE, NO_VTX, emulator="qemu", cpus=70, seconds=60)
tap.like(run.console, "^6 cores beyond the 64 supported stay parked$", "70 cores: 6 are parked")
tap.done()
