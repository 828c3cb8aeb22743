#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every test image of guest-tools/tests as the only VM, four vCPUs on four cores."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tools")
from tapvisor_test import boot, guest_passes, tap  # noqa: E402

ENDS_OTHERWISE = {"task_switch", "triple_fault"}  # in faults.t
names = sorted({name.rsplit(".", 1)[0] for name in os.listdir(f"{HERE}/../../guest-tools/tests")
                if name.endswith((".c", ".asm"))} - ENDS_OTHERWISE)
wanted = sys.argv[1:] or names

for name in wanted:
    run = boot([f"{name}.elf vm name=a vcpus=4 cpus=0-3 mem=32M pv=kvm,tap counters=on"], cpus=4,
               seconds=120)
    guest_passes(run, "a", name)
    tap.is_([r["ok"] for r in run.lines("verdict")], [True], f"{name}: the verdict is ok",
            run.explain())
tap.done()
