#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The counters that a guest may read: its own, exact, read-only. Guests that misuse them end with a
report, stores into them are dropped, and VMs beside them find their own as they should be."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import boot, guest_passes, tap  # noqa: E402

X2, X1 = "apic=x2apic pv=kvm,tap counters=on", "apic=xapic counters=on"
# name, keys, arguments, how it ends (None: by itself, with 0)
ROWS = [
    ("on", f"vcpus=4 cpus=0-3 {X2}", "", None),
    ("shared", f"vcpus=3 cpus=2 {X2}", "", None),
    ("xapic", f"vcpus=2 cpus=0-1 {X1}", "", None),
    ("off", "vcpus=2 cpus=0-1 pv=tap", "", None),
    ("fetch", f"vcpus=2 cpus=0-1 {X2}", "how=fetch", "unreachable"),
    ("table", f"vcpus=2 cpus=2-3 {X2}", "how=table", "unreachable"),
    ("stack", f"vcpus=2 cpus=0-1 {X2}", "how=stack", "unreachable"),
    ("odd", f"vcpus=2 cpus=2-3 {X2}", "how=odd", "instruction"),
]

run = boot([f"counters.elf vm name={name} mem=8M {keys} -- {args}".rstrip(" -")
            for name, keys, args, _ in ROWS], cpus=4, quantum=5, seconds=200)
for name, _, _, reason in ROWS:
    if reason is None:
        guest_passes(run, name, name)
        continue
    end = run.vm_end(name) or {}
    tap.is_(end.get("reason"), reason, f"{name}: how it ends", run.explain())
    if end.get("reason") == reason:
        tap.ok(0xfe000000 <= end["value"] < 0xfe008000, f"{name}: at an address of the counters",
               hex(end["value"]))
failures = [f for verdict in run.lines("verdict") for f in verdict["failures"]]
tap.is_([f.split(" ")[0] for f in failures], [name for name, _, _, reason in ROWS if reason],
        "the verdict names those that misused them, and nothing else", *failures)
tap.done()
