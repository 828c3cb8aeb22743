#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same test image on Bochs' own processors and under Tapvisor: the reports must agree.

Each image of a topic of the APIC is booted bare, and as a VM in either APIC mode, with as many
CPUs. A point counts by its name: how often it held, failed, was skipped. What may differ stands,
with its reason, in differences.txt; a row there that no longer applies is a failure as well.
Arguments choose images.
"""
import collections
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from guest_images import NMIS  # noqa: E402
from tapvisor_test import bare, boot, tap  # noqa: E402

CPUS = 2
TOPICS = ["apic_regs", "apic_base", "self_ipi", "physical", "flat", "cluster", "broadcast",
          "smp_start", "init_state", "nmi", "tpr", "timer", "ioapic", "hlt", "shadow", "debug",
          "modes", "hypercall", "cr4", "device_memory", "breakpoints", "code_changes"]
ALONE = [name for name in TOPICS if name in NMIS]
# Where a VM's vCPUs are; cores 0 and 1 where nothing else is said. A timer's test wants its core to
# itself.
PLACES = {"smp_start": "2-3", "ioapic": "2-3", "hlt": "2-3", "timer": "4"}
MODES = {"xapic": "apic=xapic pv=none", "x2apic": "apic=x2apic pv=kvm,tap counters=on"}
AT_ONCE = 10  # of the 15 VMs that there can be
DIFFERENCES = f"{HERE}/differences.txt"


def outcome(line):
    """("name of the point", "how it went") of a line of TAP, or None."""
    match = re.match(r"(not )?ok \d+ - (.*?)(?: # ([A-Z]{4})\b.*)?$", line)
    if not match:
        return None
    return match.group(2), match.group(3) or ("failed" if match.group(1) else "ok")


def report(console, prefix=""):
    """{name: Counter of outcomes}"""
    found = collections.defaultdict(collections.Counter)
    for line in console.split("\n"):
        point = outcome(line[len(prefix):].strip()) if line.startswith(prefix) else None
        if point:
            found[point[0]][point[1]] += 1
    return found


def text(outcomes):
    return " ".join(f"{count}x{how}" for how, count in sorted(outcomes.items())) or "absent"


def listed():
    """[(image, pattern, reason)]"""
    rows = []
    with open(DIFFERENCES, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                rows.append(tuple(line.strip().split(" | ")))
    return rows


def under_tapvisor(mode, images):
    lines = []
    for image in images:
        cpus = 1 if image == "timer" else CPUS
        lines.append(f"{image}.elf vm name={image} vcpus={cpus} cpus={PLACES.get(image, '0-1')} "
                     f"mem=8M {MODES[mode]}")
    run = boot(lines, cpus=5, quantum=5, seconds=300)
    tap.is_(run.ended, "shutdown", f"{mode}: {', '.join(images)}: the machine switches itself off",
            run.explain())
    return {image: report(run.console, f"[{image}] ") for image in images}


def on_the_machine(image):
    run = bare(f"{image}.elf", cpus=1 if image == "timer" else CPUS, quantum=5, seconds=60)
    tap.is_(run.ended, "shutdown", f"{image}: ends by itself on the bare machine", run.explain())
    return report(run.console)


def differences(native, virtual):
    """[(name, "how they differ")]. A point that one mode alone makes is looked for in that mode."""
    names = list(dict.fromkeys([*native, *(n for v in virtual.values() for n in v)]))
    found = []
    for name in names:
        ours = {mode: v[name] for mode, v in virtual.items() if name in v}
        differing = {mode: o for mode, o in ours.items() if o != native.get(name)}
        if not ours or differing:
            here = ", ".join(f"{mode} {text(o)}" for mode, o in (differing or {"VM": {}}).items())
            found.append((name, f"bare {text(native.get(name, {}))}, {here}"))
    return found


def main():
    images = sys.argv[1:] or TOPICS
    virtual = {mode: {} for mode in MODES}
    for mode, found in virtual.items():
        shared = [i for i in images if i not in ALONE]
        for group in [shared[i:i + AT_ONCE] for i in range(0, len(shared), AT_ONCE)] + \
                [[i] for i in ALONE if i in images]:
            found.update(under_tapvisor(mode, group))
    rows = [row for row in listed() if row[0] in ["*", *images]]
    used = set()
    for image in images:
        unexplained = []
        native = on_the_machine(image)
        tap.ok(native and all(v[image] for v in virtual.values()), f"{image}: three reports")
        tap.none([f"{mode}: {name}" for mode, v in virtual.items() for name, o in v[image].items()
                  if o["failed"]], f"{image}: nothing fails in a VM, which no row excuses")
        for name, how in differences(native, {m: v[image] for m, v in virtual.items()}):
            why = [row for row in rows if row[0] in ("*", image) and re.fullmatch(row[1], name)]
            used.update(why)
            if not why:
                unexplained.append(f"{name}: {how}")
        tap.none(unexplained, f"{image}: what differs is explained")
    tap.none([f"{image}: {pattern}" for image, pattern, reason in rows
              if (image, pattern, reason) not in used and (image != "*" or images == TOPICS)],
             "every explanation explains something")
    tap.done()


main()
