#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ring 0 keeps interrupts off for at most its bound (STRETCH_BOUND) where everything is as large as
the boot menu allows: fifteen VMs of 256 vCPUs, all on one core and on all fourteen, each of which
wakes 255 sleepers by one broadcast; and a VM with 2 GiB of memory to clear. Minutes each: `make
check-limits`. Arguments choose parts."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import boot, guest_passes, tap  # noqa: E402

BOUND = 25000
VMS, VCPUS = 15, 256
KEYS = "mem=8M apic=x2apic pv=kvm,tap"
CROWDS = {"one core": "1", "fourteen cores": "0-13"}


def holds(run, what):
    tap.is_(run.ended, "shutdown", f"{what}: the machine switches itself off", run.explain())
    tap.is_([r["ok"] for r in run.lines("verdict")], [True], f"{what}: the verdict is ok",
            *[f for r in run.lines("verdict") for f in r["failures"]], run.telemetry_error)
    cores = run.lines("core")
    longest = max(cores, key=lambda r: r["stretch"]["max"], default=None)
    tap.ok(longest and longest["stretch"]["max"] <= BOUND,
           f"{what}: ring 0 has interrupts off for {BOUND} ticks at most", longest)
    tap.note(f"{what}: longest {longest and longest['stretch']}")


def crowds(what):
    run = boot([f"crowd.elf vm name=c{i} cpus={CROWDS[what]} vcpus={VCPUS} {KEYS}"
                f" -- sleep members={VCPUS - 1} for=2m" for i in range(VMS)],
               cpus=14, quantum=5, mem=2048, seconds=900)
    for i in range(VMS):
        guest_passes(run, f"c{i}", f"{what}: VM {i}")
    holds(run, what)


def memory():
    run = boot(["self_ipi.elf vm name=large cpus=1 mem=2G apic=x2apic"], cpus=2, quantum=5,
               mem=3072, seconds=600)
    guest_passes(run, "large", "2 GiB")
    holds(run, "2 GiB")


for part in sys.argv[1:] or [*CROWDS, "memory"]:
    crowds(part) if part in CROWDS else memory()
tap.done()
