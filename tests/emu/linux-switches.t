#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The patched kernel with each of its switches, and with more CPUs than xAPIC's flat mode has: what
it says, and which way a shootdown of some of its CPUs then takes, by the hypervisor's counters.
Part of `make check-linux-patched`."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import linux_guest  # noqa: E402
import linux_vms  # noqa: E402
from linux_guest import PATCHED as KERNEL, PLACE  # noqa: E402
from tapvisor_test import boot, tap  # noqa: E402

COUNT = 200
NO_IPI, NO_TLB = "no-tapvisor-ipi", "no-tapvisor-tlb"
# One write of the ICR reaches all others: the shorthand. Without it they are a mask as any.
NO_SHORTHAND = "no_ipi_broadcast=1"

# VM: pv=, switches, CPUs of the shootdown, path of its IPIs, sends for each change, targets of each
# send. Path None: no IPIs, the hypervisor flushes. Four vCPUs in x2APIC mode; what is in MANY has
# nine and xAPIC, for which Linux leaves flat mode.
ROWS = {
    "all": ("kvm,tap", "", "0-2", None, 0, 0),
    "alone": ("tap", "", "0-2", None, 0, 0),
    "ipi": ("kvm,tap", NO_TLB, "0-2", "hypercall-tap", 1, 2),
    "kvm": ("kvm,tap", f"{NO_IPI} {NO_TLB}", "0-2", "hypercall", 1, 2),
    "none": ("tap", f"{NO_IPI} {NO_TLB}", "0-2", "x2apic", 2, 1),
    "nopv": ("kvm,tap", "nopv", "0-2", "xapic", 1, 2),
    "short": ("tap", f"{NO_IPI} {NO_TLB}", "0-3", "x2apic", 1, 3),
    "three": ("tap", f"{NO_IPI} {NO_TLB} {NO_SHORTHAND}", "0-3", "x2apic", 3, 1),
    "three-ipi": ("tap", f"{NO_TLB} {NO_SHORTHAND}", "0-3", "hypercall-tap", 1, 3),
    "three-tlb": ("tap", NO_SHORTHAND, "0-3", None, 0, 0),
    "nine": ("tap", "", "0-7", None, 0, 0),
    "nine-ipi": ("tap", NO_TLB, "0-7", "hypercall-tap", 1, 7),
    "nine-none": ("tap", f"{NO_IPI} {NO_TLB}", "0-7", "xapic", 7, 1),
}
MANY = {name: (9, "xapic") for name in ROWS if name.startswith("nine")}
PATHS = ("xapic", "x2apic", "hypercall", "hypercall-tap")


def prepare():
    linux_guest.need_patched("vmlinux", "module/tapvisor.ko")
    linux_guest.make_initrd(KERNEL, f"""\
dmesg | grep -iE 'tapvisor: |kvm-guest: |APIC routing|IPI shorthand'
cpus=$(sed -n 's/.*test.cpus=\\([0-9-]*\\).*/\\1/p' /proc/cmdline)
echo "online $(cat /sys/devices/system/cpu/online)"
tapstat --csv -- shootdown $cpus {COUNT}
poweroff -f
""")


def start():
    modules, before = [], ""
    for name, (pv, switches, cpus, *_) in ROWS.items():
        vcpus, apic = MANY.get(name, (4, "x2apic"))
        modules += [f"vmlinux vm name={name} vcpus={vcpus} cpus=0-3 mem=64M apic={apic} pv={pv}"
                    f" counters=on{before} -- {linux_vms.ALWAYS} {switches} test.cpus={cpus}",
                    f"initrd initrd name={name}"]
        before = f" after={name}"
    return boot(modules, cpus=4, mem=1280, quantum=5, ips=20000000, seconds=1500,
                files={"vmlinux": f"{KERNEL}/vmlinux", "initrd": f"{PLACE}/initrd"})


def says(name, text):
    """The two interfaces are taken up where they are offered and not switched off."""
    pv, switches, *_ = ROWS[name]
    there = "nopv" not in switches
    for what, wanted in ((r"tapvisor: CPUID base", there),
                         (r"tapvisor: IPIs by hypercall", there and NO_IPI not in switches),
                         (r"tapvisor: remote TLB flush by hypercall",
                          there and NO_TLB not in switches),
                         (r"kvm-guest: setup PV IPIs", there and "kvm" in pv)):
        look_for = tap.like if wanted else tap.unlike
        look_for(text, what, f"{name}: {'' if wanted else 'not '}{what}")
    vcpus, apic = MANY.get(name, (4, "x2apic"))
    # Flat is what it begins with, and says nothing of.
    driver = "physical flat" if name in MANY else "physical x2apic" if there else "flat"
    tap.is_(set(re.findall(r"(?m)Switched APIC routing to (.*)\.$", text)) or {"flat"}, {driver},
            f"{name}: the APIC driver is {driver}")
    tap.like(text, rf"^online 0-{vcpus - 1}$", f"{name}: {vcpus} vCPUs with {apic} come up")


def look(name, text):
    *_, path, sends, targets = ROWS[name]
    found = {(group, key): int(value) for group, key, value
             in re.findall(r"(?m)^[\d.]+,([\w-]+),([\w.-]+),(\d+)$", text)}
    tap.like(text, rf"shootdown: {COUNT} remappings seen by \d CPUs, \d+ ticks each, 0 stale",
             f"{name}: no CPU sees the page before", text[-1500:])
    got = {each: found.get(("ipis", f"{each}.sends"), 0) for each in PATHS}
    want = {each: sends * COUNT if each == path else 0 for each in PATHS}
    more = 150 if name in MANY else 50
    # Linux wakes a thread now and then; a change may find a CPU in the kernel, which flushes by
    # itself before it goes on.
    tap.ok(all(0.9 * want[each] <= got[each] <= want[each] + more for each in PATHS),
           f"{name}: {sends} for each change, by {path}", f"{got}, not {want}")
    if path:
        reached = found.get(("ipis", f"{path}.targets"), 0)
        expected = sends * targets * COUNT
        tap.ok(0.9 * expected <= reached <= expected + more, f"{name}: {targets} CPUs by each",
               f"{reached}, not {expected}")
    else:
        tap.ok(0.9 * COUNT <= found.get(("exits", "vmcall"), 0) <= COUNT + 20,
               f"{name}: one hypercall for each change", text[-1500:])
        tap.ok(found.get(("interrupts", "TLB"), 0) <= 20, f"{name}: nobody is interrupted")
    ticks = re.search(r"(\d+) ticks each", text)
    exits = found.get(("all", "exits"), 0)
    tap.note(f"{name}: {exits / COUNT:.2f} exits, {ticks and ticks.group(1)} ticks of mmap()")


prepare()
run = start()
lines = run.console.replace("\r", "").split("\n")
for vm in ROWS:
    said = "\n".join(line.removeprefix(f"[{vm}] ") for line in lines if line.startswith(f"[{vm}] "))
    says(vm, said)
    look(vm, said)
    end = run.vm_end(vm) or {}
    tap.is_(end.get("reason"), "power-off", f"{vm}: switches itself off", run.explain())
tap.is_([record["ok"] for record in run.lines("verdict")], [True], "the verdict is ok",
        json.dumps(run.lines("verdict")))
tap.done()
