# SPDX-License-Identifier: MIT
"""The test images of guest-tools/tests as VMs, many in a boot: for tests in tests/emu.

A row is a boot or a few: images, VMs a boot, vCPUs of a VM, its cores (VMs take turns), keys, the
machine. What a guest says of itself must hold, and the run's own verdict.
"""
import os
import re
import sys

from tapvisor_test import bochs, boot, tap

HERE = os.path.dirname(os.path.abspath(__file__))
ENDS_OTHERWISE = {"init_boot_cpu", "task_switch", "triple_fault", "chatter",
                  "insists"}  # faults.t, shell.t, ring3.t
NEIGHBOURS = {"attack", "crowd", "victim", "rearm", "hostile"}  # hostile_time.t, hostile.t
IMAGES = sorted({name.rsplit(".", 1)[0] for name in os.listdir(f"{HERE}/../../guest-tools/tests")
                 if name.endswith((".c", ".asm"))} - ENDS_OTHERWISE - NEIGHBOURS)
# Images that execute tens of thousands of exits, the same in every mode: in one row each.
LONG = {"wild_msr", "wild_port", "wild_cpuid", "bad_instructions", "wild_hypercall"}
QUICK = [name for name in IMAGES if name not in LONG]

def starts_cpus(name):
    """Does any CPU but the first do something in this image?"""
    path = f"{HERE}/../../guest-tools/tests/{name}.c"
    with open(path, encoding="utf-8") as f:
        return re.search(r"\bsmp_", f.read()) is not None


# CPU 0's alone: the same in every row but for the way to its APIC.
SINGLE = {name for name in QUICK if not starts_cpus(name)}
# The same whatever a VM is offered; the same whichever way to the APIC is taken.
ANY_VM = {"cr4", "debug", "fpu", "init_state", "leak", "litmus", "modes", "pmu", "shadow",
          "wild_memory"}
ANY_APIC = {*ANY_VM, "counters", "pv_clock", "pv_flush", "pv_steal"}
# What measures time wants a core that nobody takes from it: the machine's last.
TIMING = {"timer"}
# Who counts which EOIs were skipped sees each exit in its handlers, also one for another's sake:
# what was skipped is settled there, and the next may be offered. Alone in a boot.
UNDISTURBED = {"pv_eoi"}
# Where Bochs does not clear the blocking of NMIs at VM entry, that of one vCPU sticks to its core,
# and others on that core catch it and bring it back. So who counts NMIs has its cores alone there:
# these images run in boots of their own, and not where vCPUs of one VM share cores.
NMIS = {"debug", "nmi", "hypercall", "shadow", "pmu"}
if not bochs.gets_wrong("NMI blocking outlives VM entry"):
    NMIS = set()
NO_NMIS = [name for name in QUICK if name not in NMIS]


def failures(run, vm):
    """What does not hold about a guest: its own points, their number, its end."""
    lines = [line[len(vm) + 3:] for line in run.console.split("\n") if line.startswith(f"[{vm}] ")]
    points = [line for line in lines if re.match(r"(not )?ok \d+", line)]
    plan = [int(line[3:]) for line in lines if re.fullmatch(r"1\.\.\d+", line)]
    found = [line for line in points if line.startswith("not")]
    end = run.vm_end(vm) or {}
    if plan != [len(points)] or not points:
        found += [f"plan {plan}, but {len(points)} points"] + lines[-5:]
    if (end.get("reason"), end.get("value")) != ("debug-exit", 0):
        found.append(f"ended otherwise: {end}")
    return found


def chunks(items, size):
    count = -(-len(items) // size)
    return [items[i::count] for i in range(count)]


def groups(images, size, spare):
    """What runs together: all but NMIS, UNDISTURBED, and TIMING where there is no spare core."""
    alone = [image for image in images
             if image in NMIS | UNDISTURBED or image in TIMING and not spare]
    return chunks([image for image in images if image not in alone], size) + [[i] for i in alone]


def run_row(name, row, only):
    images, at_once, vcpus, cores, keys, machine = row
    if bochs.no_turns(machine["quantum"]):
        tap.skip(name, bochs.no_turns(machine["quantum"]))
        return
    last = machine["cpus"] - 1
    spare = not any(cpus.endswith(str(last)) for cpus in cores)

    def line(number, image):
        place = f"vcpus={vcpus} cpus={cores[number % len(cores)]}"
        if image in TIMING:
            place = f"vcpus=1 cpus={last}"
        return f"{image}.elf vm name={image[:15]} {place} mem=8M {keys}"

    for group in groups([i for i in images if not only or i in only], at_once, spare):
        run = boot([line(*pair) for pair in enumerate(group)], seconds=240, **machine)
        for image in group:
            tap.none(failures(run, image[:15]), f"{name}: {image}")
        tap.is_(run.ended, "shutdown", f"{name}: the machine switches itself off", run.explain())
        tap.is_([r["ok"] for r in run.lines("verdict")], [True], f"{name}: the verdict is ok",
                *[f for r in run.lines("verdict") for f in r["failures"]], run.telemetry_error)


def run_rows(rows):
    """All rows, or those that the arguments name, with images behind a colon: `x2apic:fpu`."""
    for wanted in sys.argv[1:] or rows:
        name, _, some = wanted.partition(":")
        run_row(name, rows[name], some.split(",") if some else [])
