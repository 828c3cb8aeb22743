#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The images in which CPUs meet, with 1, 2, 4 and 8 cores, quanta 1, 5 and 16, and shared cores."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tools")
from tapvisor_test import boot, guest_passes, tap  # noqa: E402

# image, vCPUs, cores, quantum
ROWS = [
    ("self_ipi", 1, 1, 16),
    ("timer", 1, 1, 1),
    ("smp_start", 2, 2, 1),
    ("physical", 2, 2, 5),
    ("hlt", 2, 2, 16),
    ("litmus", 2, 2, 1),
    ("broadcast", 4, 4, 5),
    ("nmi", 4, 4, 1),
    ("flat", 8, 8, 5),
    ("cluster", 8, 8, 16),
    ("smp_start", 8, 8, 1),
    ("hlt", 2, 1, 5),
    ("broadcast", 4, 2, 16),
    ("fpu", 4, 2, 5),
]
for image, vcpus, cores, quantum in ROWS:
    name = f"{image}, {vcpus} vCPUs on {cores} cores, quantum {quantum}"
    run = boot([f"{image}.elf vm name=a vcpus={vcpus} cpus=0-{cores - 1} mem=32M pv=kvm,tap"
                " counters=on"], cpus=cores, quantum=quantum, seconds=180)
    guest_passes(run, "a", name)
    tap.is_([r["ok"] for r in run.lines("verdict")], [True], f"{name}: the verdict is ok",
            run.console[-600:])
tap.done()
