#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""KVM's paravirtual features: shared pages and what they promise, by the pv_* images, with 1 to 4
CPUs, on cores of their own and on shared ones, offered and not. Arguments choose rows of `rows`.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import boot, guest_points, tap  # noqa: E402

KVM = "mem=8M pv=kvm,tap counters=on"


def vm(image, name, vcpus, cpus, keys=KVM, args=""):
    return f"guest/{image}.elf vm name={name} vcpus={vcpus} cpus={cpus} {keys} -- {args}"


rows = {
    # name: VMs, the machine
    "own cores": ([vm("pv_clock", "clock", 4, "0-3"),
                   vm("pv_steal", "steal", 4, "4-7", args="cores=own")],
                  {"cpus": 8, "quantum": 5}),
    "shared cores": ([vm("pv_clock", "clock", 3, "1-2"),
                      vm("pv_steal", "steal", 2, "1-2", args="cores=shared"),
                      vm("pv_steal", "other", 2, "1-2", args="cores=shared"),
                      vm("pv_eoi", "eoi", 3, "1-2"),
                      vm("pv_flush", "flush", 3, "1-2")],
                     {"cpus": 3, "quantum": 1}),
    "one CPU": ([vm("pv_clock", "clock", 1, "0"), vm("pv_steal", "steal", 1, "0"),
                 vm("pv_eoi", "eoi", 1, "0"), vm("pv_flush", "flush", 1, "0")],
                {"cpus": 1, "quantum": 5}),
    "EOI": ([vm("pv_eoi", "eoi", 3, "0-2"), vm("pv_eoi", "xapic", 2, "3-4",
                                               "mem=8M apic=xapic pv=kvm")],
            {"cpus": 5, "quantum": 1}),
    "flush": ([vm("pv_flush", "flush", 4, "0-3")], {"cpus": 4, "quantum": 1}),
    "not offered": ([vm("pv_clock", "none", 2, "0-1", "mem=8M pv=none"),
                     vm("pv_clock", "tap", 1, "1", "mem=8M pv=tap")],
                    {"cpus": 2, "quantum": 5}),
}


def event(run, guest, name):
    return sum(line[name] for line in run.lines("events", vm=guest))


def check_counts(name, run):
    if name == "own cores":
        tap.is_(event(run, "steal", "pv-tlb-flush"), 3, f"{name}: one flush for each sleeper")
    if name == "not offered":
        for guest in ("none", "tap"):
            tap.is_(event(run, guest, "msr-refused"), 12, f"{name}: {guest}: each #GP is counted")


def run_row(name):
    lines, machine = rows[name]
    run = boot(lines, seconds=120, **machine)
    for line in lines:
        guest = line.split("name=")[1].split()[0]
        guest_points(run, guest, f"{name}: {guest}")
        end = run.vm_end(guest) or {}
        tap.is_((end.get("reason"), end.get("value")), ("debug-exit", 0), f"{name}: {guest} ends")
    check_counts(name, run)
    tap.is_([r["ok"] for r in run.lines("verdict")], [True], f"{name}: the verdict is ok",
            *[f for r in run.lines("verdict") for f in r["failures"]], run.explain())


for wanted in sys.argv[1:] or rows:
    run_row(wanted)
tap.done()
