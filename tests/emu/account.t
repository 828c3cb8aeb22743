#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the counters say adds up exactly: times to the clock, blame to what was stolen, requested to
posted + coalesced + dropped, and what was posted to what the guests themselves received. With VMs
that share cores in several ways, at several quanta; the sums are made here, not by root."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
from tapvisor_test import bochs, boot, guest_points, tap  # noqa: E402

TIMES = ("guest", "exit", "monitor", "ready", "taken", "blocked")
HELD = ("guest", "exit", "monitor", "taken")
BENCH = "ipibench.elf vm mem=8M counters=on"
VMS = {
    "trap": f"{BENCH} name=trap vcpus=2 cpus=0-1 apic=xapic -- pingpong n=40",
    "hyper": f"{BENCH} name=hyper vcpus=3 cpus=0-1 pv=kvm,tap -- set halt=1 n=40"
             " path=hypercall,hypercall-tap",
    "storm": f"{BENCH} name=storm vcpus=2 cpus=0,2 slice=200us -- storm path=x2apic n=400",
    "victim": f"{BENCH} name=victim weight=300 cpus=1 -- victim slices=500",
    "alone": f"{BENCH} name=alone vcpus=1 cpus=3 -- self port cpuid n=40",
}


def times(run, what):
    for record in run.lines("time"):
        total = sum(record[name] for name in TIMES)
        tap.is_(total, record["ticks"],
                f"{what}: {record['vm']} vCPU {record['vcpu']}: times add up to the clock")
    for core in run.lines("core"):
        tap.is_(core["idle"] + core["vms"] + core["host"], core["ticks"],
                f"{what}: core {core['core']}: times add up to the clock")
        # root's vCPU is the host's; what VMs had of this core is the sum of their rows
        held = {True: 0, False: 0}
        for record in run.lines("time", core=core["core"]):
            held[record["vm"] == "host"] += sum(record[name] for name in HELD)
        tap.is_((held[False], held[True]), (core["vms"], core["host"]),
                f"{what}: core {core['core']}: the time of VMs and host is that of its vCPUs")


def blame(run, what):
    for vm in VMS:
        stolen = sum(r["ready"] + r["taken"] for r in run.lines("time", vm=vm))
        blamed = sum(r["ticks"] for r in run.lines("blame", victim=vm))
        tap.is_(blamed, stolen, f"{what}: {vm}: those who are blamed stole what was stolen")
    # While a core takes its kick, the VM that is woken by it waits for what is done for itself.
    culprits = {r["culprit"] for r in run.lines("blame", victim="victim")
                if (r["culprit"], r["cause"]) != ("victim", "kick")} - {"host"}
    tap.is_(culprits, {"trap", "hyper"}, f"{what}: the victim blames those on its core")
    tap.none([r for r in run.lines("blame", victim="alone") if r["culprit"] != "host"],
             f"{what}: who has a core alone blames no VM")


def ipis(run, what):
    for r in run.lines("ipi"):
        name = f"{what}: {r['vm']}, {r['path']}"
        tap.is_(r["requested"], r["posted"] + r["coalesced"] + r["dropped"],
                f"{name}: requested is posted, coalesced and dropped")
        tap.ok(r["kicks"] + r["kicks_avoided"] <= r["posted"] + r["coalesced"],
               f"{name}: no more kicks than targets", r)
        tap.is_(sum(r["fanout"]), r["sends"], f"{name}: the fan-out counts each send")
        tap.is_(sum(r["modes"].values()), r["sends"], f"{name}: the modes count each send")
    for vm in VMS:
        events = run.lines("events", vm=vm)[0]
        posted = sum(r["posted"] for r in run.lines("ipi", vm=vm))
        ours = events["inject-interrupt"] + events["inject-nmi"] + events["folded"] + events["lost"]
        # A start is posted too: INIT and SIPI are not injected. Its second SIPI may have coalesced
        # with the first, and was not posted then: only so much may be between the two sums.
        starts = sum(r["modes"].get("init", 0) + r["modes"].get("sipi", 0)
                     for r in run.lines("ipi", vm=vm))
        twice = sum(r["coalesced"] for r in run.lines("ipi", vm=vm))
        least = posted - starts + events["timer"]
        tap.ok(least <= ours <= least + min(starts, twice),
               f"{what}: {vm}: what was posted was injected or folded, once",
               f"{ours} of {least} to {least + min(starts, twice)}: {events}")


def guests(run, what):
    """What the guests counted themselves."""
    storm = run.lines("storm", vm="storm")[0]
    ours = run.lines("ipi", vm="storm", path="x2apic")[0]
    folded = run.lines("events", vm="storm")[0]["folded"]
    sent = storm["sent"] * storm["targets"]
    started = ours["modes"].get("init", 0) + ours["modes"].get("sipi", 0)
    tap.is_(ours["modes"]["fixed"], storm["sent"], f"{what}: storm: each send is counted")
    tap.is_(ours["requested"] - started, sent, f"{what}: storm: each target is counted")
    tap.is_(storm["received"], sent - ours["coalesced"] - ours["dropped"] - folded,
            f"{what}: storm: the guest handled what was not coalesced", storm, ours)
    for r in run.lines("exit"):
        tap.is_(sum(r["hist"]), r["count"], f"{what}: {r['vm']}, {r['reason']}: histogram is whole")
        tap.ok(r["min"] * r["count"] <= r["ticks"] <= r["max"] * r["count"],
               f"{what}: {r['vm']}, {r['reason']}: ticks lie between min and max", r)


for quantum in (1, 5, 16):
    what = f"quantum {quantum}"
    if bochs.no_turns(quantum):
        tap.skip(f"{what}: sums", bochs.no_turns(quantum))
        continue
    run = boot(list(VMS.values()), cpus=4, quantum=quantum, seconds=240)
    tap.is_(run.ended, "shutdown", f"{what}: ends by itself", run.explain())
    tap.ok(not run.telemetry_error, f"{what}: telemetry is whole", run.telemetry_error)
    tap.is_([r["ok"] for r in run.lines("verdict")], [True], f"{what}: root's verdict",
            *run.lines("verdict"))
    for vm in VMS:
        guest_points(run, vm, f"{what}: {vm}")
    for part in (times, blame, ipis, guests):
        part(run, what)
tap.done()
