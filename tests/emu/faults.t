#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""VMs that go wrong: each stops with a report, or gets its fault and goes on. All of them run at
once; a neighbour on the same cores and one on a core of its own finish their benchmarks, and the
latter's figures are those of a boot in which nobody goes wrong."""
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import boot, guest_passes, guest_points, tap  # noqa: E402

END_OF_RAM = 8 << 20
# image and its arguments, how its VM ends (None: by itself, with 0), the value that goes with it
ROWS = [
    ("triple_fault", "triple-fault", 0),
    ("triple_fault cpu=1", "triple-fault", 0),
    ("task_switch", "unknown-exit", 9),
    ("init_boot_cpu", "reset", 0),
    ("bad_instructions", None, 0),
    ("wild_port", None, 0),
    ("wild_msr", None, 0),
    ("wild_hypercall", None, 0),
    ("wild_memory", None, 0),
    ("wild_memory how=fetch", "unreachable", END_OF_RAM),
    ("wild_memory how=table", "unreachable", END_OF_RAM),
    ("wild_memory how=stack", "unreachable", END_OF_RAM + 0xff8),
    ("wild_memory how=odd", "instruction", END_OF_RAM),
]
LAST_EXITS = {"triple_fault": "triple-fault", "triple_fault cpu=1": "triple-fault",
              "task_switch": "task-switch"}
GOOD = [
    "ipibench.elf vm name=near vcpus=2 cpus=0-1 mem=8M pv=kvm counters=on -- self set n=50",
    "ipibench.elf vm name=far vcpus=2 cpus=2-3 mem=8M pv=kvm counters=on -- self set cpuid n=50",
]
# Only what is executed on one CPU takes the same ticks whatever that CPU's neighbours do.
ALONE = ("self", "cpuid")


def good(run, what):
    for vm in ("near", "far"):
        guest_points(run, vm, f"{what}: {vm}")
        end = run.vm_end(vm) or {}
        tap.is_((end.get("reason"), end.get("value")), ("debug-exit", 0), f"{what}: {vm} ends well",
                run.explain())
        short = [b for b in run.lines("bench", vm=vm) if b["n"] != 50]
        tap.ok(run.lines("bench", vm=vm) and not short, f"{what}: {vm}'s figures are complete",
               *short)
    return {(b["mode"], b["op"]): (b["n"], b["min"], b["p50"], b["exits_per_op"])
            for b in run.lines("bench", vm="far") if b["op"] in ALONE}


def name_of(index):
    return f"bad{index:x}"


def report_of(run, vm):
    """What the console says about the end of a VM, down to the next line that is not indented."""
    match = re.search(rf"^tapvisor: vm {vm} .*\n(?:[ \t].*\n|\n)*", run.console, re.M)
    return match.group(0) if match else ""


def look_at(run, index, words, reason, value):
    vm = name_of(index)
    if reason is None:
        guest_passes(run, vm, words)
        return
    end = run.vm_end(vm) or {}
    tap.is_(end.get("reason"), reason, f"{words}: how it ends", run.explain())
    if value is not None:
        tap.is_(end.get("value"), value, f"{words}: the value that says more")
    tap.is_(end.get("vcpu"), 1 if "cpu=1" in words else 0, f"{words}: on which vCPU")
    if reason == "reset":  # its own wish, no report
        return
    text = report_of(run, vm)
    for register in ("rip", "cr3", "rflags", "r15"):
        tap.like(text, rf"\b{register}\b.*[0-9a-f]{{8}}", f"{words}: the report has {register}",
                 text)
    if reason in ("unreachable", "instruction"):
        tap.like(text, rf"{value:x}, where nothing is", f"{words}: the report says so", text)
    others = run.lines("vm-end", vm=vm)
    tap.is_(len(others), 1, f"{words}: ends once")
    if words in LAST_EXITS:
        rows = run.lines("exit", vm=vm, reason=LAST_EXITS[words])
        tap.is_([r["count"] for r in rows], [1], f"{words}: the exit that it ends in is counted")
        tap.unlike(text, "gpa ", f"{words}: no address that an earlier exit has left", text)


before = good(boot(GOOD, cpus=4, seconds=180), "nobody goes wrong")
bad = []
for i, row in enumerate(ROWS):
    image, _, args = row[0].partition(" ")
    bad.append(f"{image}.elf vm name={name_of(i)} vcpus=2 cpus=0-1 mem=8M pv=kvm,tap -- {args}")
run = boot(bad + GOOD, cpus=4, seconds=300)
for i, row in enumerate(ROWS):
    look_at(run, i, *row)
after = good(run, "many go wrong")
tap.ok(before and before == after, "the figures of a VM with cores of its own do not change",
       f"before: {before}", f"after:  {after}")
failures = [f for verdict in run.lines("verdict") for f in verdict["failures"]]
tap.is_([f.split(" ")[0] for f in failures],
        [name_of(i) for i, row in enumerate(ROWS) if row[1] is not None],
        "the verdict names those that failed, and nothing else", *failures)
tap.done()
