#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A VM that goes wrong stops with a report, or gets its fault and goes on; its neighbour, which
shares a core with it, finishes its benchmark either way."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tools")
from tapvisor_test import boot, guest_passes, guest_points, tap  # noqa: E402

GOOD = "ipibench.elf vm name=good vcpus=2 cpus=1-2 mem=32M pv=kvm counters=on -- self set n=50"

# image and its arguments, how its VM ends (None: by itself, with 0)
ROWS = [
    ("triple_fault", "triple-fault"),
    ("triple_fault -- cpu=1", "triple-fault"),
    ("task_switch", "unknown-exit"),
    ("bad_instructions", None),
    ("wild_port", None),
    ("wild_msr", None),
    ("wild_hypercall", None),
    ("wild_memory", None),
    ("wild_memory -- how=fetch", "unreachable"),
    ("wild_memory -- how=table", "unreachable"),
    ("wild_memory -- how=stack", "unreachable"),
    ("wild_memory -- how=odd", "instruction"),
]
for words, reason in ROWS:
    image, _, args = words.partition(" ")
    run = boot([f"{image}.elf vm name=bad vcpus=2 cpus=0-1 mem=32M pv=kvm,tap {args}", GOOD],
               cpus=3, seconds=180)
    if reason is None:
        guest_passes(run, "bad", words)
    else:
        end = run.vm_end("bad") or {}
        tap.is_(end.get("reason"), reason, f"{words}: how it ends", run.explain())
        tap.like(run.console, r"^tapvisor: vm bad ", f"{words}: which is told", run.console[-2000:])
        tap.like(run.console, r"\brip\b.*[0-9a-f]{16}", f"{words}: with the vCPU's registers")
    guest_points(run, "good", f"{words}: its neighbour")
    end = run.vm_end("good") or {}
    tap.is_((end.get("reason"), end.get("value")), ("debug-exit", 0),
            f"{words}: its neighbour ends with 0", run.explain())
    benches = run.lines("bench", vm="good")
    tap.ok(benches and all(bench["n"] == 50 for bench in benches),
           f"{words}: its neighbour's benchmark is complete", f"{len(benches)} results")
tap.done()
